/** The pictures of charts. They are laid out by a worker, so that the page goes on meanwhile, and each of them once. */
import { type ReadonlySignal, useSignal } from '@preact/signals';
import Elk from 'elkjs/lib/elk-api.js';
import workerUrl from 'elkjs/lib/elk-worker.min.js?url';
import { useEffect } from 'preact/hooks';
import { type Failure, toFailure } from '../../../machines/failure.ts';
import { type ChartName, knownChart } from '../../visualizer/known-charts.ts';
import { outlineOf } from '../../visualizer/outline.ts';
import { type DrawnBox, pictureOf } from '../../visualizer/picture.ts';

export const charts = { instance: knownChart('instance'), host: knownChart('host') } as const;

export interface Pictured {
  picture: ReadonlySignal<DrawnBox | undefined>;
  /** Why there is none. */
  failure: ReadonlySignal<Failure | undefined>;
}

const elk = new Elk({ workerUrl });
const pictures = new Map<string, Promise<DrawnBox>>();

/** The latest that is there: the one before it stays until the one that is asked for is. */
export function usePicture(name: ChartName, unfolded: ReadonlySet<string>): Pictured {
  const picture = useSignal<DrawnBox | undefined>(undefined);
  const failure = useSignal<Failure | undefined>(undefined);
  const key = [name, ...[...unfolded].toSorted()].join(' ');
  useEffect(() => {
    let isWanted = true;
    laidOut(key, name, unfolded).then(
      (found) => {
        if (!isWanted) return;
        picture.value = found;
        failure.value = undefined;
      },
      (error: unknown) => {
        pictures.delete(key);
        if (isWanted) failure.value = toFailure(error);
      },
    );
    return () => {
      isWanted = false;
    };
  }, [key]);
  return { picture, failure };
}

function laidOut(key: string, name: ChartName, unfolded: ReadonlySet<string>): Promise<DrawnBox> {
  const known = pictures.get(key);
  if (known) return known;
  const made = pictureOf(outlineOf(charts[name], unfolded), elk);
  pictures.set(key, made);
  return made;
}
