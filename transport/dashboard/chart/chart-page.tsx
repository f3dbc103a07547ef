/**
 * The chart page: a machine as a statechart. Of an instance or a host it shows where it stands, the path that it took to
 * get there, and, going back in time, where it stood before.
 */
import './picture.css';
import './chart-page.css';
import './canvas.css';
import './choice.css';
import './timeline.css';
import { useComputed, useSignal } from '@preact/signals';
import { useCallback } from 'preact/hooks';
import { foldableStates } from '../../visualizer/export.ts';
import type { ChartName } from '../../visualizer/known-charts.ts';
import { pathTaken } from '../../visualizer/path-taken.ts';
import { chartStyle } from '../../visualizer/style.ts';
import { FailureNotice } from '../components/notice.tsx';
import { Page } from '../components/page.tsx';
import { InstanceState } from '../components/state.tsx';
import { useInstance } from '../live/use-instance.ts';
import { Missing } from '../pages/missing.tsx';
import { isAdministrator } from '../session.ts';
import { Canvas } from './canvas.tsx';
import { HostChoice, InstanceChoice, Machines } from './choice.tsx';
import { type Subject, useHistory } from './moments.ts';
import { charts, usePicture } from './pictures.ts';
import { Timeline } from './timeline.tsx';

// A style element the page's content security policy would refuse.
const style = new CSSStyleSheet();
style.replaceSync(chartStyle);
document.adoptedStyleSheets.push(style);

interface ChartPageProps {
  machine?: string | undefined;
  uuid?: string | undefined;
  host?: string | undefined;
}

export function ChartPage({ machine = 'instance', uuid, host }: ChartPageProps) {
  if (!isKnown(machine)) return <Missing />;
  const subject = subjectOf({ uuid, host });
  // Another subject is another history, and begins at its end.
  return <Chart key={`${machine} ${uuid ?? host}`} machine={machine} subject={subject} />;
}

/** A host's is for administrators: what others are shown instead stands beside the chart. */
function subjectOf({ uuid, host }: Pick<ChartPageProps, 'uuid' | 'host'>): Subject | undefined {
  if (uuid !== undefined) return { uuid };
  return host !== undefined && isAdministrator.value ? { host } : undefined;
}

function Chart({ machine, subject }: { machine: ChartName; subject: Subject | undefined }) {
  const { moments, isLoaded, failure } = useHistory(subject);
  const chosen = useSignal<number | undefined>(undefined);
  const path = useComputed(() => {
    const until = moments.value.slice(0, (chosen.value ?? moments.value.length) + 1);
    return until.length === 0 ? undefined : pathTaken(charts[machine], until);
  });
  const unfolded = useSignal<ReadonlySet<string>>(new Set());
  const folded = useSignal<string | undefined>(undefined);
  const { picture, failure: isNotDrawn } = usePicture(machine, unfolded.value);
  const fold = useCallback(
    (state: string) => {
      if (!foldable[machine].includes(state)) return;
      folded.value = state;
      const others = [...unfolded.value].filter((each) => each !== state);
      unfolded.value = new Set(unfolded.value.has(state) ? others : [...others, state]);
    },
    [machine, unfolded, folded],
  );

  const uuid = subject && 'uuid' in subject ? subject.uuid : undefined;
  const host = subject && 'host' in subject ? subject.host : undefined;
  const { instance } = useInstance(uuid);
  const name = instance?.name ?? host ?? uuid;
  const title = name === undefined ? `Chart of ${machine === 'host' ? 'a host' : 'an instance'}` : `Chart of ${name}`;
  return (
    <Page
      title={title}
      isFilling
      aside={instance && <InstanceState {...instance} />}
      {...(uuid !== undefined && { back: { to: `/instances/${uuid}`, label: name ?? 'Instance' } })}
      actions={<Machines machine={machine} />}
    >
      <div class="chart-page">
        {picture.value ? (
          <Canvas title={`Statechart: ${machine}`} picture={picture.value} path={path} focus={folded} onState={fold}>
            <Folds machine={machine} unfolded={unfolded.value} onFold={fold} />
            {subject && <Legend />}
          </Canvas>
        ) : (
          <p class="chart-frame quiet">{isNotDrawn.value ? 'It cannot be drawn.' : 'It is being drawn…'}</p>
        )}
        <div class="chart-side">
          {machine === 'instance' ? <InstanceChoice uuid={uuid} /> : <HostChoice host={host} />}
          <FailureNotice failure={failure.value} />
          <FailureNotice failure={isNotDrawn.value} />
          {subject && isLoaded.value && moments.value.length === 0 && (
            <p class="quiet">Nothing is kept any more of what happened to it.</p>
          )}
          <Timeline moments={moments.value} chosen={chosen} />
        </div>
      </div>
    </Page>
  );
}

const foldable = { instance: foldableStates(charts.instance), host: foldableStates(charts.host) };

/** What the picture offers to a pointer, for the keyboard. */
function Folds({
  machine,
  unfolded,
  onFold,
}: {
  machine: ChartName;
  unfolded: ReadonlySet<string>;
  onFold(state: string): void;
}) {
  if (foldable[machine].length === 0) return null;
  return (
    <details class="folds">
      <summary>Unfold states</summary>
      <div>
        {foldable[machine].map((state) => (
          <label key={state} class="check">
            <input type="checkbox" checked={unfolded.has(state)} onChange={() => onFold(state)} />
            {state}
          </label>
        ))}
      </div>
    </details>
  );
}

function Legend() {
  return (
    <ul class="chart-legend" aria-label="Colours">
      <li class="now">now</li>
      <li class="visited">was here</li>
      <li class="undoing">gave back</li>
      <li class="has-failed">failed here</li>
    </ul>
  );
}

function isKnown(name: string): name is ChartName {
  return Object.hasOwn(charts, name);
}
