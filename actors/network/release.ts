/**
 * Takes an instance's ports and addresses back: Nova's deallocate_for_instance. Idempotent. Those of a later attempt than
 * the one that asks stay: its host asks late, and they are another host's by now.
 *
 * It looks at views that have caught up with everything written before, so nothing that an answered allocation made is
 * missed. Keys of ports that could be in the making are touched too: an allocation that is still under way then finds
 * its key changed, and undoes what it did. Ports go before their leases, so that an address that may be given out again
 * is used by nobody; a port's lease was made before it, so whoever removes the port sees the lease afterwards. One that it
 * did not see before may also be of an allocation that began in between, whose port is still to come: then the keys are
 * touched once more.
 */
import { fail } from '../../machines/failure.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { type Bucket, conflict } from '../../transport/nats/bucket.ts';
import { type AddressBook, parseLeaseKey } from './address-book.ts';
import { attemptHolding, type PortBook, portIdOf } from './port-book.ts';

export interface ReleaseBooks {
  readonly addresses: AddressBook;
  readonly ports: PortBook;
  readonly instances: Bucket<Instance>;
}

const mostRounds = 5;

export async function releasePorts(books: ReleaseBooks, instanceUuid: string, attempt: number): Promise<void> {
  for (let round = 0; round < mostRounds; round++) if (await releaseOnce(books, instanceUuid, attempt)) return;
  throw fail('conflict', `the ports of instance ${instanceUuid} are being changed by others`, { disposition: 'retry' });
}

/** Whether all is gone: not when somebody made or changed a port or a lease while it was being removed. */
async function releaseOnce(
  { addresses, ports, instances }: ReleaseBooks,
  instanceUuid: string,
  attempt: number,
): Promise<boolean> {
  const [instance] = await Promise.all([instances.get(instanceUuid), ports.view.caughtUp()]);
  const present = ports.ofInstance(instanceUuid);
  const held = [...present, ...addresses.ofInstance(instanceUuid)];
  if (held.some(({ value }) => attemptHolding(value) > attempt)) return true;
  const absent = new Set([
    ...(instance?.value.networks ?? []).map((_, index) => portIdOf(instanceUuid, index)),
    ...addresses.ofInstance(instanceUuid).map(({ value }) => value.portId),
  ]);
  for (const { key } of present) absent.delete(key);
  const known = new Map(held.map(({ key, revision }) => [key, revision]));
  const removals = await Promise.all([
    ...present.map(({ key, revision }) => ports.bucket.remove(key, revision)),
    ...[...absent].map((key) => ports.bucket.remove(key)),
  ]);
  if (removals.includes(conflict)) return false;
  await addresses.caughtUp();
  const touched = new Set([...present.map(({ key }) => key), ...absent]);
  const leases = addresses.ofInstance(instanceUuid).filter(({ value }) => attemptHolding(value) <= attempt);
  const givenBack = await Promise.all(
    leases
      .filter(({ value }) => touched.has(value.portId))
      .map(({ key, revision }) => addresses.giveBack({ ...parseLeaseKey(key), revision })),
  );
  const isSettled = leases.every(({ key, revision }) => known.get(key) === revision);
  return isSettled && !givenBack.includes(conflict) && leases.length === givenBack.length;
}
