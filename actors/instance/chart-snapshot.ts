/** The instance chart as data: how it stands in a record, and how it comes back to life. */
import type { SnapshotFrom } from 'xstate';
import type { EffectKey } from '../../machines/effect.ts';
import { type instanceMachine, instanceSnapshotVersion } from '../../machines/instance.ts';
import { statePath, visibleStates } from '../../machines/instance-states.ts';
import type { ChartSnapshot, Instance } from '../../transport/messages/records.ts';
import { contextOf, stateValueOf } from './stored-chart.ts';

/** The instance chart, whatever effects it was provided with. */
export type InstanceLogic = typeof instanceMachine;
export type InstanceSnapshot = SnapshotFrom<InstanceLogic>;

/**
 * A record with a chart that has moved on, `at` a time. Whose it is follows from where the chart stands. Its time never
 * goes back, whoever's clock it was before: of two records of an instance the one with the later time is the later one.
 */
export function presentRecord(snapshot: InstanceSnapshot, record: Instance, at = record.updatedAt): Instance {
  const path = statePath(snapshot.value);
  const { imageId, payload, flavor } = snapshot.context;
  const { taskState: _, ...kept } = record;
  return {
    ...kept,
    ...(imageId !== undefined && { imageId }),
    ...(payload !== undefined && { payload }),
    ...(flavor && { flavor }),
    ...visibleStates(path, snapshot.context, record),
    owner: ownerOf(snapshot),
    chart: persistSnapshot(snapshot),
    steps: stepsOf(record) + 1,
    updatedAt: Math.max(at, record.updatedAt),
  };
}

/** How often a step of its life was stored. */
export function stepsOf({ steps = 0 }: Pick<Instance, 'steps'>): number {
  return steps;
}

/** Whose an instance is where its chart stands. */
export function ownerOf(snapshot: InstanceSnapshot): Instance['owner'] {
  const { host } = snapshot.context;
  return host === undefined || snapshot.hasTag('control') ? 'control' : { host };
}

/**
 * As XState persists it, which would look through the whole context for actors: there are none in it, and effects that
 * have ended are of no use to whoever restores it.
 */
export function persistSnapshot({ status, value, context, children }: InstanceSnapshot): ChartSnapshot {
  const active: Record<string, StoredChild> = {};
  for (const [id, child] of Object.entries(children)) {
    const snapshot = child?.getPersistedSnapshot() as StoredChild['snapshot'] | undefined;
    if (child && snapshot?.status === 'active') active[id] = { src: String(child.src), syncSnapshot: false, snapshot };
  }
  return {
    version: instanceSnapshotVersion,
    status: status as ChartSnapshot['status'],
    value,
    context: context as unknown as ChartSnapshot['context'],
    ...(Object.keys(active).length > 0 && { children: active }),
  };
}

/** The snapshot as data: for asking what it can, and for moving it without its effects. */
export function restoreSettled(machine: InstanceLogic, chart: ChartSnapshot): InstanceSnapshot {
  const { version, status } = chart;
  if (version !== instanceSnapshotVersion)
    throw new Error(`the chart of an instance has the unknown version ${version}`);
  return machine.resolveState({ value: stateValueOf({ chart }), context: contextOf({ chart }), status });
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
  src: string;
  syncSnapshot: false;
  snapshot: { status: string; input: EffectKey };
}
