/**
 * The network controller: gives ports with fixed IPs to instances, and takes them back. Any number of them share the
 * calls; what keeps an address unique is the store.
 */
import { fail } from '../../machines/failure.ts';
import { keepsPorts } from '../../machines/instance-states.ts';
import { type AlarmFact, networkCalls } from '../../transport/messages/internal.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { serve } from '../../transport/nats/call.ts';
import { any, askingHost, subjects } from '../../transport/nats/subjects.ts';
import { stateOf } from '../instance/stored-chart.ts';
import { confirmHost } from '../records/confirm-host.ts';
import { raiseAlarm } from '../runtime/alarms.ts';
import type { Part, Runtime } from '../runtime/runtime.ts';
import { SeenBefore } from '../runtime/seen-before.ts';
import { sweep } from '../runtime/sweep.ts';
import { AddressBook } from './address-book.ts';
import { readAddressRecords } from './address-records.ts';
import { sweepAddresses } from './address-sweep.ts';
import { allocatePorts, describePort } from './allocate.ts';
import { PortBook } from './port-book.ts';
import { NetworkCatalog } from './port-plan.ts';
import { releasePorts } from './release.ts';
import { restoreAddresses } from './restore-addresses.ts';

const queue = 'network';
/** It reads all instances. */
const sweepEveryMs = 300_000;

export async function startNetworkController(runtime: Runtime): Promise<Part> {
  const { bus, store, clock, logger } = runtime;
  const [catalog, addresses, ports, instances] = await Promise.all([
    NetworkCatalog.open(runtime),
    AddressBook.open(runtime),
    PortBook.open(runtime),
    store.bucket('instance'),
  ]);
  const books = {
    catalog,
    addresses,
    ports,
    instances,
    clock,
    logger,
    seen: new SeenBefore(),
    raised: new SeenBefore(),
    alarm: (alarm: Omit<AlarmFact, 'at'>) => raiseAlarm(runtime, alarm),
  };
  await restoreAddresses(books, await readAddressRecords(books));
  const { allocateForInstance, releaseForInstance } = networkCalls;
  const serving = [
    serve(
      bus,
      subjects.hostCall('network', any, allocateForInstance.name),
      allocateForInstance,
      async ({ instanceUuid, attempt }, _, subject) => {
        const host = askingHost(subject);
        const seen = ports.view.revision;
        const instance = await confirmHost(instances, instanceUuid, host, attempt);
        refuseLate(instance);
        const given = await allocatePorts(books, { ...instance, host, attempt }, seen);
        return { ports: given.map((port) => describePort(books, port)) };
      },
      { queue },
    ),
    serve(
      bus,
      subjects.hostCall('network', any, releaseForInstance.name),
      releaseForInstance,
      async ({ instanceUuid, attempt }, _, subject) => {
        await confirmHost(instances, instanceUuid, askingHost(subject), attempt);
        await releasePorts(books, instanceUuid, attempt);
        return {};
      },
      { queue },
    ),
    // For a host that is down.
    serve(
      bus,
      subjects.networkCall(releaseForInstance.name),
      releaseForInstance,
      async ({ instanceUuid, attempt }) => {
        await releasePorts(books, instanceUuid, attempt);
        return {};
      },
      { queue },
    ),
  ];

  const stopSweep = sweep(runtime, 'addresses', sweepEveryMs, async () => {
    const recorded = await readAddressRecords(books);
    await sweepAddresses(books, recorded);
    await restoreAddresses(books, recorded);
  });

  return {
    async stop() {
      await Promise.all([...serving.map((stop) => stop()), stopSweep()]);
      for (const book of [catalog, addresses, ports]) book.close();
    },
  };
}

/** What an instance is given that has given back, or is about to, nobody gives back any more. */
function refuseLate(instance: Instance): void {
  const { uuid } = instance;
  const state = stateOf(instance);
  if (keepsPorts(state)) return;
  throw fail('conflict', `instance ${uuid} is ${state}: it is given no ports any more`, { details: { uuid, state } });
}
