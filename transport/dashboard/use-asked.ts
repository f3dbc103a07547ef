/** Something that is asked for when it is shown, and again when it is told to. */
import { type ReadonlySignal, useSignal } from '@preact/signals';
import { type Inputs, useCallback, useEffect, useRef } from 'preact/hooks';
import { type Failure, toFailure } from '../../machines/failure.ts';

export interface Asked<T> {
  /** Of the latest answer; absent: there was none yet. */
  data: ReadonlySignal<T | undefined>;
  /** Why there is no newer one. */
  failure: ReadonlySignal<Failure | undefined>;
  reload(): Promise<void>;
}

/** `everyMs`: how often it is looked at again while the page can be seen. */
export function useAsked<T>(ask: () => Promise<T>, inputs: Inputs, everyMs?: number): Asked<T> {
  const data = useSignal<T | undefined>(undefined);
  const failure = useSignal<Failure | undefined>(undefined);
  const latest = useRef(0);

  const reload = useCallback(async () => {
    const mine = ++latest.current;
    try {
      const answer = await ask();
      if (mine !== latest.current) return;
      data.value = answer;
      failure.value = undefined;
    } catch (error) {
      if (mine === latest.current) failure.value = toFailure(error);
    }
  }, inputs);

  useEffect(() => {
    void reload();
    const again = everyMs === undefined ? undefined : setInterval(() => document.hidden || void reload(), everyMs);
    return () => {
      latest.current++;
      clearInterval(again);
    };
  }, [reload, everyMs]);

  return { data, failure, reload };
}
