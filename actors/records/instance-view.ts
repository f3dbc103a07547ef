/** An instance as a client sees it: record and chart flattened, times as ISO 8601. */
import { fail } from '../../machines/failure.ts';
import { type InstanceFault, instanceSnapshotVersion, type PowerState } from '../../machines/instance.ts';
import { type AnyCommandName, commandsIn, commandsWithoutHost } from '../../machines/instance-states.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { contextOf, stateOf } from '../instance/stored-chart.ts';
import type { Liveness } from '../runtime/liveness.ts';
import { timestamp } from './timestamp.ts';

/**
 * Of an instance on a host that is down nobody knows what its guest does, and nothing can be asked of it but that it is
 * deleted, or evacuated. Rejects with `unsupported` what another release has written.
 */
export function viewInstance(record: Instance, liveness: Liveness): InstanceView {
  const { chart } = record;
  if (chart.version !== instanceSnapshotVersion) {
    throw fail(
      'unsupported',
      `instance ${record.uuid} has a chart of version ${chart.version}, which is not known here`,
    );
  }
  const state = stateOf(record);
  const context = contextOf(record);
  const { host, fault, scheduledAt, launchedAt, terminatedAt, ports, attempt, previousFlavor, tried } = context;
  return {
    uuid: record.uuid,
    name: record.name,
    hostname: record.hostname,
    projectId: record.projectId,
    userId: record.userId,
    reservationId: record.reservationId,
    launchIndex: record.launchIndex,
    state,
    vmState: record.vmState,
    ...(record.taskState !== undefined && { taskState: record.taskState }),
    powerState: shownPowerState(record, liveness),
    ...(host !== undefined && { host, hostStatus: liveness.statusOf(host) }),
    ...(record.availabilityZone !== undefined && { availabilityZone: record.availabilityZone }),
    flavor: record.flavor,
    ...(previousFlavor && { previousFlavor }),
    imageId: record.imageId,
    ...(record.keyName !== undefined && { keyName: record.keyName }),
    securityGroups: record.securityGroups,
    ports,
    metadata: record.metadata,
    tags: record.tags,
    ...(record.lock && { lock: record.lock }),
    attempt,
    tried: tried.map(({ host: name, failure }) => ({ host: name, fault: viewFault(failure) })),
    ...(fault && { fault: viewFault(fault) }),
    createdAt: timestamp(record.createdAt),
    updatedAt: timestamp(record.updatedAt),
    ...(scheduledAt !== undefined && { scheduledAt: timestamp(scheduledAt) }),
    ...(launchedAt !== undefined && { launchedAt: timestamp(launchedAt) }),
    ...(terminatedAt !== undefined && { terminatedAt: timestamp(terminatedAt) }),
    commands: [...commandsOf(record, liveness)],
  };
}

function commandsOf(record: Instance, liveness: Liveness): readonly AnyCommandName[] {
  if (record.chart.status === 'done') return [];
  const state = stateOf(record);
  return isOnDownHost(record, liveness) ? commandsWithoutHost(state, contextOf(record)) : commandsIn(state);
}

export function shownPowerState(record: Pick<Instance, 'owner' | 'powerState'>, liveness: Liveness): PowerState {
  return isOnDownHost(record, liveness) ? 'nostate' : record.powerState;
}

function isOnDownHost({ owner }: Pick<Instance, 'owner'>, liveness: Liveness): boolean {
  return owner !== 'control' && liveness.statusOf(owner.host) === 'down';
}

function viewFault({ at, ...fault }: InstanceFault) {
  return { ...fault, at: timestamp(at) };
}
