/**
 * Gives back what crashes left: leases without a port, and what instances hold that are no more. Nothing young is
 * touched, because it may be in the making. Several controllers may sweep at once: each removal is of one revision.
 */
import type { AddressLease, Instance } from '../../transport/messages/records.ts';
import type { Bucket, Entry } from '../../transport/nats/bucket.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { parseLeaseKey } from './address-book.ts';
import { type ReleaseBooks, releasePorts } from './release.ts';

/** Longer than any allocation may take, by far. */
const youngMs = 300_000;

export interface SweepBooks extends ReleaseBooks {
  readonly instanceBucket: Bucket<Instance>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export async function sweepAddresses(books: SweepBooks): Promise<void> {
  const { addresses, ports, clock, logger } = books;
  const isOld = (since: number) => clock.now() - since > youngMs;
  await Promise.all([addresses.caughtUp(), ports.caughtUp()]);

  const suspects = new Set<string>();
  for (const { value } of ports.view.entries()) {
    if (isOld(value.createdAt) && mayBeGone(books, value.instanceUuid)) suspects.add(value.instanceUuid);
  }
  for (const lease of [...addresses.all()]) {
    if (!isOld(lease.value.leasedAt)) continue;
    if (mayBeGone(books, lease.value.instanceUuid)) suspects.add(lease.value.instanceUuid);
    else if (isSpare(books, lease)) {
      logger.warn({ lease: lease.key, ...lease.value }, 'a lease that its port does not use is given back');
      await addresses.giveBack({ ...parseLeaseKey(lease.key), revision: lease.revision });
    }
  }
  for (const uuid of suspects) {
    if (!(await isGone(books, uuid))) continue;
    logger.warn({ uuid }, 'the addresses of an instance that is no more are given back');
    await releasePorts(books, uuid);
  }
}

/** Whether the lease's port is there, with other addresses: two allocations met, and one did not end. */
function isSpare({ ports }: SweepBooks, { key, value }: Entry<AddressLease>): boolean {
  const port = ports.view.get(value.portId);
  const { subnetId, address } = parseLeaseKey(key);
  return port !== undefined && !port.fixedIps.some((one) => one.subnetId === subnetId && one.address === address);
}

function mayBeGone({ instances }: SweepBooks, uuid: string): boolean {
  const record = instances.get(uuid);
  return record === undefined || record.vmState === 'deleted';
}

/** Asked of the bucket itself: the view may be late, and leaves out records that this version cannot read. */
async function isGone({ instanceBucket }: SweepBooks, uuid: string): Promise<boolean> {
  const entry = await instanceBucket.get(uuid);
  return entry === undefined || entry.value.vmState === 'deleted';
}
