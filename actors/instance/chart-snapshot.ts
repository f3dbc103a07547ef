/** The instance chart as data: how it stands in a record, and how it comes back to life. */
import type { SnapshotFrom, StateValue } from 'xstate';
import type { EffectKey } from '../../machines/effect.ts';
import { type InstanceContext, type instanceMachine, instanceSnapshotVersion } from '../../machines/instance.ts';
import { statePath, visibleStates } from '../../machines/instance-states.ts';
import type { ChartSnapshot, Instance } from '../../transport/messages/records.ts';

/** The instance chart, whatever effects it was provided with. */
export type InstanceLogic = typeof instanceMachine;
export type InstanceSnapshot = SnapshotFrom<InstanceLogic>;

/** A record with a chart that has moved on. `owner` is who has it when it is not being placed. */
export function presentRecord(
  machine: InstanceLogic,
  snapshot: InstanceSnapshot,
  record: Instance,
  owner: Instance['owner'],
): Instance {
  const path = statePath(snapshot.value);
  const { imageId, flavor } = snapshot.context;
  const { taskState: _, ...kept } = record;
  return {
    ...kept,
    ...(imageId !== undefined && { imageId }),
    ...(flavor && { flavor }),
    ...visibleStates(path, snapshot.context, record),
    owner: snapshot.hasTag('placing') ? 'control' : owner,
    chart: persistSnapshot(machine, snapshot),
  };
}

export function persistSnapshot(machine: InstanceLogic, snapshot: InstanceSnapshot): ChartSnapshot {
  const { status, value, context, children } = machine.getPersistedSnapshot(snapshot) as unknown as {
    status: 'active' | 'done';
    value: unknown;
    context: Record<string, unknown>;
    children: Record<string, { snapshot: { status: string } }>;
  };
  const active = Object.entries(children).filter(([, child]) => child.snapshot.status === 'active');
  return {
    version: instanceSnapshotVersion,
    status,
    value,
    context,
    ...(active.length > 0 && { children: Object.fromEntries(active) }),
  };
}

/** The snapshot as data: for asking what it can, and for moving it without its effects. */
export function restoreSettled(
  machine: InstanceLogic,
  { version, value, context, status }: ChartSnapshot,
): InstanceSnapshot {
  if (version !== instanceSnapshotVersion)
    throw new Error(`the chart of an instance has the unknown version ${version}`);
  return machine.resolveState({
    value: value as StateValue,
    context: context as unknown as InstanceContext,
    status,
  });
}

/** What an effect that is restored has at least, also when its deadline passed while nobody was there to do it (ms). */
export const restoredAtLeastMs = 60_000;

/** The snapshot to start an actor from: its effects run again, until their deadline. */
export function restoreLive({ status, value, context, children = {} }: ChartSnapshot, now: number): InstanceSnapshot {
  const rearmed = Object.entries(children as Record<string, StoredChild>).map(([id, { snapshot, ...child }]) => {
    const deadline = Math.max(snapshot.input.deadline, now + restoredAtLeastMs);
    return [id, { ...child, snapshot: { ...snapshot, input: { ...snapshot.input, deadline } } }];
  });
  return {
    status,
    value,
    context,
    children: Object.fromEntries(rearmed),
    historyValue: {},
    output: undefined,
    error: undefined,
  } as never;
}

/** An effect under way, as XState persists it. */
export interface StoredChild {
  snapshot: { status: string; input: EffectKey };
}
