/**
 * Gives back what crashes left: leases without a port, and what instances hold that are no more, or have failed. Only
 * what the sweep before has seen, unchanged, is touched: what is young may be in the making. Several controllers may
 * sweep at once: each removal is of one revision.
 */
import type { AddressLease, Instance } from '../../transport/messages/records.ts';
import type { Entry } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';
import { mayHoldShare } from '../instance/held-share.ts';
import type { Logger } from '../runtime/logger.ts';
import type { SeenBefore } from '../runtime/seen-before.ts';
import { unlessUnreadable } from '../runtime/unless-unreadable.ts';
import { parseLeaseKey } from './address-book.ts';
import type { AddressRecords } from './address-records.ts';
import { type ReleaseBooks, releasePorts } from './release.ts';

export interface SweepBooks extends ReleaseBooks {
  readonly logger: Logger;
  /** Of the sweeps of this process: between two of them is more time than any allocation may take, by far. */
  readonly seen: SeenBefore;
}

export async function sweepAddresses(books: SweepBooks, { ports, leases, instances }: AddressRecords): Promise<void> {
  const { addresses, logger, seen } = books;
  const wasSeen = seen.look();
  const isOld = ({ key, revision }: Entry<unknown>) => wasSeen(`${key} ${revision}`);
  const [oldPorts, oldLeases] = [[...ports.values()].filter(isOld), [...leases.values()].filter(isOld)];
  const suspects = new Set<string>();
  for (const { value } of oldPorts) if (mayBeGone(instances, value.instanceUuid)) suspects.add(value.instanceUuid);
  for (const lease of oldLeases) {
    if (mayBeGone(instances, lease.value.instanceUuid)) suspects.add(lease.value.instanceUuid);
    else if (isSpare(books, lease)) {
      logger.warn({ lease: lease.key, ...lease.value }, 'a lease that its port does not use is given back');
      await addresses.giveBack({ ...parseLeaseKey(lease.key), revision: lease.revision });
    }
  }
  for (const uuid of suspects) {
    if (!(await isGone(books, uuid))) continue;
    logger.warn({ uuid }, 'the addresses of an instance that is no more are given back');
    await releasePorts(books, uuid, Number.POSITIVE_INFINITY);
  }
}

/** Whether the lease's port is there, with other addresses: two allocations met, and one did not end. */
function isSpare({ ports }: SweepBooks, { key, value }: Entry<AddressLease>): boolean {
  const port = ports.view.get(value.portId);
  const { subnetId, address } = parseLeaseKey(key);
  return port !== undefined && !port.fixedIps.some((one) => one.subnetId === subnetId && one.address === address);
}

function mayBeGone(instances: View<Instance>, uuid: string): boolean {
  return hasNothing(instances.get(uuid));
}

/** Deleted, never recorded, or failed: it has given back what it had, but for what was lost of that. */
function hasNothing(instance: Instance | undefined): boolean {
  if (instance === undefined || instance.vmState === 'deleted') return true;
  return !mayHoldShare(instance);
}

/** Asked of the bucket itself: a view may be late, and leaves out what cannot be read, of which nobody knows that. */
export async function isGone({ instances, logger }: SweepBooks, uuid: string): Promise<boolean> {
  const place = await unlessUnreadable(logger, uuid, () => instances.look(uuid));
  return place !== undefined && hasNothing(place.value);
}
