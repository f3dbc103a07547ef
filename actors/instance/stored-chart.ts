/** The chart in a record of an instance. Its schema leaves open what is in it; what that is, is said here and nowhere else. */
import type { StateValue } from 'xstate';
import type { InstanceContext } from '../../machines/instance.ts';
import { statePath } from '../../machines/instance-states.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { StoredChild } from './chart-snapshot.ts';

type Charted = Pick<Instance, 'chart'>;

/** Where it stands, as one dotted word. */
export function stateOf(record: Charted): string {
  return statePath(stateValueOf(record));
}

/** What it knows. */
export function contextOf({ chart }: Charted): InstanceContext {
  return chart.context as unknown as InstanceContext;
}

/** Which placement it is in. */
export function attemptOf(record: Charted): number {
  return contextOf(record).attempt;
}

/** By when what is under way has to have ended; nothing, when nothing is. */
export function deadlineOf({ chart }: Charted): number | undefined {
  const effects = Object.values(chart.children ?? {}) as StoredChild[];
  return effects.length === 0 ? undefined : Math.max(...effects.map(({ snapshot }) => snapshot.input.deadline));
}

/** Where it stands, as XState wants it. */
export function stateValueOf({ chart }: Charted): StateValue {
  return chart.value as StateValue;
}
