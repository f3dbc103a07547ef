/** What was asked of an instance, newest first: what came of it, and the time in each state on the way. */
import type { InstanceAction } from '../../messages/api/instance.ts';
import { formatDuration, formatMoment } from '../format.ts';
import { State, type Tone } from './state.tsx';
import { type Span, Waterfall } from './waterfall.tsx';

const tones: Record<InstanceAction['result'], Tone> = { 'in progress': 'busy', success: 'good', error: 'bad' };

export function InstanceActions({ actions }: { actions: readonly InstanceAction[] }) {
  return (
    <ol class="events">
      {actions.map((action) => (
        <li key={`${action.requestId}-${action.startedAt}`}>
          <h3>
            {action.action} <State tone={tones[action.result]}>{action.result}</State>
            <span class="when">
              <time dateTime={action.startedAt}>{formatMoment(action.startedAt)}</time>
              {action.finishedAt &&
                ` · ${formatDuration(Date.parse(action.finishedAt) - Date.parse(action.startedAt))}`}
            </span>
          </h3>
          <Waterfall caption={`States of ${action.action}`} spans={spansOf(action)} />
        </li>
      ))}
    </ol>
  );
}

/** A state in which it came to rest took no time of the action. */
export function spansOf({ startedAt, finishedAt, events, result }: InstanceAction): Span[] {
  const start = Date.parse(startedAt);
  const at = (timestamp: string) => Date.parse(timestamp) - start;
  const end = finishedAt === undefined ? undefined : at(finishedAt);
  return events.map(({ state, startedAt: from, finishedAt: to, host, failure }, index) => ({
    name: state,
    from: at(from),
    to: to === undefined ? Math.max(at(from), end ?? at(from)) : at(to),
    isFailed: failure !== undefined,
    isOpen: to === undefined && result === 'in progress',
    note: failure?.message ?? (host === events[index - 1]?.host ? undefined : host),
  }));
}
