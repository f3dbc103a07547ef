/**
 * The network controller: gives ports with fixed IPs to instances, and takes them back. Any number of them share the
 * calls; what keeps an address unique is the store.
 */
import { fail } from '../../machines/failure.ts';
import { networkCalls } from '../../transport/messages/internal.ts';
import { serve } from '../../transport/nats/call.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { every } from '../runtime/clock.ts';
import type { Part, Runtime } from '../runtime/runtime.ts';
import { AddressBook } from './address-book.ts';
import { sweepAddresses } from './address-sweep.ts';
import { allocatePorts, describePort } from './allocate.ts';
import { PortBook } from './port-book.ts';
import { NetworkCatalog } from './port-plan.ts';
import { releasePorts } from './release.ts';

const queue = 'network';
const sweepEveryMs = 60_000;

export async function startNetworkController(runtime: Runtime): Promise<Part> {
  const { bus, store, clock, logger } = runtime;
  const [catalog, addresses, ports, instances, instanceBucket] = await Promise.all([
    NetworkCatalog.open(runtime),
    AddressBook.open(runtime),
    PortBook.open(runtime),
    store.view('instance'),
    store.bucket('instance'),
  ]);
  const books = { catalog, addresses, ports, instances, instanceBucket, clock, logger };
  const inHand = new Set<Promise<unknown>>();
  let isStopped = false;

  /** Calls go on coming until the connection is drained; then others of the queue have to answer them. */
  async function work<T>(handle: () => Promise<T>): Promise<T> {
    if (isStopped) throw fail('unavailable', 'this network controller stops', { disposition: 'retry' });
    const working = handle();
    inHand.add(working);
    try {
      return await working;
    } finally {
      inHand.delete(working);
    }
  }

  const { allocateForInstance, releaseForInstance } = networkCalls;
  const allocating = subjects.networkCall(allocateForInstance.name);
  serve(
    bus,
    allocating,
    allocateForInstance,
    (request) =>
      work(async () => ({ ports: (await allocatePorts(books, request)).map((port) => describePort(books, port)) })),
    { queue },
  );
  const releasing = subjects.networkCall(releaseForInstance.name);
  serve(
    bus,
    releasing,
    releaseForInstance,
    ({ instanceUuid }) =>
      work(async () => {
        await releasePorts(books, instanceUuid);
        return {};
      }),
    { queue },
  );

  const sweep = () =>
    work(() => sweepAddresses(books)).catch((error) => {
      if (!isStopped) logger.error({ error }, 'addresses could not be swept');
    });
  void sweep();
  const stopSweep = every(clock, sweepEveryMs, sweep);

  return {
    async stop() {
      isStopped = true;
      stopSweep();
      await Promise.allSettled(inHand);
      for (const book of [catalog, addresses, ports]) book.close();
    },
  };
}
