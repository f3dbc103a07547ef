/** One of the latest launches, state by state. */
import { useSignal } from '@preact/signals';
import { Link } from 'wouter-preact';
import type { Launch, Statistics } from '../../messages/statistics.ts';
import { State } from '../components/state.tsx';
import { type Span, Waterfall } from '../components/waterfall.tsx';
import { formatDuration, formatTime } from '../format.ts';

const tones = { running: 'good', failed: 'bad', deleted: 'idle' } as const;

export function LatestLaunch({ latest }: Pick<Statistics, 'latest'>) {
  const chosen = useSignal<string | undefined>(undefined);
  const launch = latest.find(({ uuid }) => uuid === chosen.value) ?? latest[0];
  if (!launch) return <p class="quiet">Nothing was launched lately.</p>;
  const { uuid, outcome, tookMs, failure } = launch;
  return (
    <>
      <div class="latest">
        <select
          aria-label="Launch"
          value={uuid}
          onChange={({ currentTarget }) => {
            chosen.value = currentTarget.value;
          }}
        >
          {latest.map((each) => (
            <option key={each.uuid} value={each.uuid}>
              {each.name}, {formatTime(each.startedAt)}
            </option>
          ))}
        </select>
        <State tone={outcome ? tones[outcome] : 'busy'}>{outcome ?? 'under way'}</State>
        <span class="quiet">{tookMs !== undefined && formatDuration(tookMs)}</span>
        <Link to={`/instances/${uuid}`}>Details</Link>
      </div>
      {failure && <p class="problem">{failure.message}</p>}
      <Waterfall caption={`States of the launch of ${launch.name}`} spans={spansOf(launch)} />
    </>
  );
}

function spansOf({ steps, outcome, tookMs = 0 }: Launch): Span[] {
  return steps.map(({ state, attempt, host, offsetMs, tookMs: took }, index) => ({
    name: state,
    from: offsetMs,
    to: took === undefined ? Math.max(offsetMs, tookMs) : offsetMs + took,
    isOpen: took === undefined && outcome === undefined,
    isFailed: outcome === 'failed' && index === steps.length - 1,
    note: attempt > 1 && attempt !== steps[index - 1]?.attempt ? `attempt ${attempt} ${host ?? ''}` : undefined,
  }));
}
