/** Records for tests: whole ones, of which a test says only what matters to it. */
import { createActor, transition } from 'xstate';
import { presentRecord, restoreSettled } from '../../actors/instance/chart-snapshot.ts';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import { type InstanceEvent, instanceMachine } from '../../machines/instance.ts';
import { unborn } from '../../machines/instance-states.ts';
import type { Host, Instance } from '../../transport/messages/records.ts';

/** An instance that waits for a host. */
export function newInstance(uuid: string, more: Partial<Instance> = {}): Instance {
  const at = more.createdAt ?? Date.now();
  const record: Instance = {
    uuid,
    projectId: 'project',
    userId: 'user',
    reservationId: 'r-1',
    launchIndex: 0,
    name: 'test',
    hostname: 'test',
    flavor: { id: '1', name: 'm1.tiny', vcpus: 1, memoryMb: 512, rootGb: 1 },
    imageId: nameUuid('image', 'test'),
    securityGroups: ['default'],
    networks: [],
    metadata: {},
    tags: [],
    createdAt: at,
    updatedAt: at,
    owner: 'control',
    ...unborn,
    chart: { version: 1, status: 'active', value: 'scheduling', context: {} },
    ...more,
  };
  const chart = createActor(instanceMachine, { input: { uuid, maxAttempts: 3, at } }).getSnapshot();
  return presentRecord(chart, record);
}

/** An instance that was placed on a host, and is yet to be begun there. */
export function placedInstance(uuid: string, host: string, more: Partial<Instance> = {}): Instance {
  const record = newInstance(uuid, more);
  return moved(record, { type: 'instance.scheduled', host, at: record.createdAt });
}

/** The record after an event, as its owner would store it. */
export function moved(record: Instance, event: InstanceEvent): Instance {
  const [next] = transition(instanceMachine, restoreSettled(instanceMachine, record.chart), event);
  return presentRecord(next, record);
}

/** A host that lives and has room. */
export function newHost(name: string, more: Partial<Host> = {}): Host {
  const now = Date.now();
  return {
    name,
    incarnation: '00000000-0000-4000-8000-000000000000',
    availabilityZone: 'nova',
    hypervisor: { type: 'simulated', version: 1, virtType: 'simulated', architectures: ['x86_64'] },
    capacity: { vcpus: 64, memoryMb: 262_144, diskGb: 4096 },
    allocationRatio: { vcpus: 1, memoryMb: 1, diskGb: 1 },
    service: 'enabled',
    hypervisorState: 'up',
    startedAt: now,
    heartbeatAt: now,
    chart: {
      version: 1,
      status: 'active',
      value: { hypervisor: 'up', service: 'enabled' },
      context: { name, connection: 1 },
    },
    ...more,
  };
}
