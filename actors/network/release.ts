/**
 * Takes an instance's ports and addresses back: Nova's deallocate_for_instance. Idempotent.
 *
 * It looks at a view that has caught up with everything written before the call, so nothing that an answered allocation
 * made is missed. Keys of ports that could be in the making are touched too: an allocation that is still under way
 * then finds its key changed, and undoes what it did. Ports go before their leases, so that an address that may be
 * given out again is used by nobody.
 */
import { fail } from '../../machines/failure.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';
import { type AddressBook, parseLeaseKey } from './address-book.ts';
import { type PortBook, portIdOf } from './port-book.ts';

export interface ReleaseBooks {
  readonly addresses: AddressBook;
  readonly ports: PortBook;
  readonly instances: View<Instance>;
}

const mostRounds = 5;

export async function releasePorts(books: ReleaseBooks, instanceUuid: string): Promise<void> {
  for (let round = 0; round < mostRounds; round++) if (await releaseOnce(books, instanceUuid)) return;
  throw fail('conflict', `the ports of instance ${instanceUuid} are being changed by others`, { disposition: 'retry' });
}

/** Whether all is gone: not when somebody changed a port or a lease while it was being removed. */
async function releaseOnce({ addresses, ports, instances }: ReleaseBooks, instanceUuid: string): Promise<boolean> {
  await Promise.all([addresses.caughtUp(), ports.caughtUp()]);
  const present = ports.ofInstance(instanceUuid);
  const absent = new Set([
    ...(instances.get(instanceUuid)?.networks ?? []).map((_, index) => portIdOf(instanceUuid, index)),
    ...addresses.ofInstance(instanceUuid).map(({ value }) => value.portId),
  ]);
  for (const { key } of present) absent.delete(key);
  const removals = await Promise.all([
    ...present.map(({ key, revision }) => ports.bucket.remove(key, revision)),
    ...[...absent].map((key) => ports.bucket.remove(key)),
  ]);
  if (removals.includes(conflict)) return false;
  const givenBack = await Promise.all(
    addresses
      .ofInstance(instanceUuid)
      .map(({ key, revision }) => addresses.giveBack({ ...parseLeaseKey(key), revision })),
  );
  return !givenBack.includes(conflict);
}
