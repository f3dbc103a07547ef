/** An instance as a client sees it: record and chart flattened, times as ISO 8601. */
import type { InstanceFault, PowerState } from '../../machines/instance.ts';
import { type AnyCommandName, commandsIn, commandsWithoutHost } from '../../machines/instance-states.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { contextOf, isKnown, stateOf, whyUnknown } from '../instance/stored-chart.ts';
import type { Liveness } from '../runtime/liveness.ts';
import { timestamp } from './timestamp.ts';

/**
 * Of an instance on a host that is down nobody knows what its guest does, and nothing can be asked of it but that it is
 * deleted, or evacuated. Of one whose chart is not known here what every release knows is shown, and a fault that says so.
 */
export function viewInstance(record: Instance, liveness: Liveness): InstanceView {
  return isKnown(record) ? viewKnown(record, liveness) : viewUnknown(record, liveness);
}

function viewKnown(record: Instance, liveness: Liveness): InstanceView {
  const state = stateOf(record);
  const { host, fault, scheduledAt, launchedAt, terminatedAt, previousFlavor, tried } = contextOf(record);
  return {
    ...viewKept(record, liveness),
    state,
    ...(record.taskState !== undefined && { taskState: record.taskState }),
    ...(host !== undefined && viewHost(host, liveness)),
    ...(previousFlavor && { previousFlavor }),
    tried: tried.map(({ host: name, failure }) => ({ host: name, fault: viewFault(failure) })),
    ...(fault && { fault: viewFault(fault) }),
    ...(scheduledAt !== undefined && { scheduledAt: timestamp(scheduledAt) }),
    ...(launchedAt !== undefined && { launchedAt: timestamp(launchedAt) }),
    ...(terminatedAt !== undefined && { terminatedAt: timestamp(terminatedAt) }),
    commands: [...commandsOf(record, liveness)],
  };
}

function viewUnknown(record: Instance, liveness: Liveness): InstanceView {
  const { owner, updatedAt } = record;
  const state = stateOf(record) || 'unknown';
  return {
    ...viewKept(record, liveness),
    state,
    ...(owner !== 'control' && viewHost(owner.host, liveness)),
    tried: [],
    fault: {
      code: 'unsupported',
      message: whyUnknown(record),
      disposition: 'abort',
      step: state,
      at: timestamp(updatedAt),
    },
    commands: [],
  };
}

/** What is in every record, whatever its chart. */
function viewKept(record: Instance, liveness: Liveness) {
  const { ports, attempt } = contextOf(record);
  return {
    uuid: record.uuid,
    name: record.name,
    hostname: record.hostname,
    projectId: record.projectId,
    userId: record.userId,
    reservationId: record.reservationId,
    launchIndex: record.launchIndex,
    vmState: shownVmState(record),
    powerState: shownPowerState(record, liveness),
    ...(record.availabilityZone !== undefined && { availabilityZone: record.availabilityZone }),
    flavor: record.flavor,
    imageId: record.imageId,
    ...(record.keyName !== undefined && { keyName: record.keyName }),
    securityGroups: record.securityGroups,
    ports,
    metadata: record.metadata,
    tags: record.tags,
    ...(record.lock && { lock: record.lock }),
    attempt,
    createdAt: timestamp(record.createdAt),
    updatedAt: timestamp(record.updatedAt),
  };
}

function viewHost(host: string, liveness: Liveness) {
  return { host, hostStatus: liveness.statusOf(host) };
}

/** Of an instance that nobody here can do anything with: what Nova says of one that an operator has to look at. */
export function shownVmState(record: Instance): Instance['vmState'] {
  return record.vmState === 'deleted' || isKnown(record) ? record.vmState : 'error';
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
