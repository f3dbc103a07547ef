/** The chart in a record of an instance. Its schema leaves open what is in it; what that is, is said here and nowhere else. */
import type { StateValue } from 'xstate';
import { fail } from '../../machines/failure.ts';
import { type InstanceContext, instanceSnapshotVersion } from '../../machines/instance.ts';
import { isState, statePath } from '../../machines/instance-states.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { StoredChild } from './chart-snapshot.ts';

type Charted = Pick<Instance, 'chart'>;

/** Whether it can be told what it means: a later release may have another chart, or more states. */
export function isKnown(record: Charted): boolean {
  return record.chart.version === instanceSnapshotVersion && isState(stateOf(record));
}

/** Throws `conflict` where nobody here can tell what would become of the instance. */
export function refuseUnknown(record: Charted & Pick<Instance, 'uuid'>): void {
  if (!isKnown(record)) throw fail('conflict', `instance ${record.uuid} is left alone: ${whyUnknown(record)}`);
}

/** For an operator. */
export function whyUnknown(record: Charted): string {
  const state = JSON.stringify(stateOf(record));
  return `its chart has version ${record.chart.version} and stands in ${state}, which is of a later release: go on with that`;
}

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
