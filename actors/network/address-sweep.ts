/**
 * Gives back what crashes left: leases without a port, and what instances hold that are no more, or have failed. Only
 * what the sweep before has seen, unchanged, is touched: what is young may be in the making. Several controllers may
 * sweep at once: each removal is of one revision.
 */
import { holdsShare } from '../../machines/instance-states.ts';
import type { Clock } from '../../transport/clock.ts';
import type { AddressLease, Instance, Port } from '../../transport/messages/records.ts';
import type { Entry } from '../../transport/nats/bucket.ts';
import { openView, type View } from '../../transport/nats/view.ts';
import { stateOf } from '../instance/stored-chart.ts';
import type { Logger } from '../runtime/logger.ts';
import type { SeenBefore } from '../runtime/seen-before.ts';
import { parseLeaseKey } from './address-book.ts';
import { type ReleaseBooks, releasePorts } from './release.ts';
import { unlessUnreadable } from './unless-unreadable.ts';

export interface SweepBooks extends ReleaseBooks {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of the sweeps of this process: between two of them is more time than any allocation may take, by far. */
  readonly seen: SeenBefore;
}

export async function sweepAddresses(books: SweepBooks): Promise<void> {
  const { addresses, ports, instances: bucket, clock, seen } = books;
  await Promise.all([addresses.caughtUp(), ports.view.caughtUp()]);
  const wasSeen = seen.look();
  const isOld = ({ key, revision }: Entry<unknown>) => wasSeen(`${key} ${revision}`);
  const oldPorts = [...ports.view.entries()].filter(isOld).map(({ value }) => value);
  const oldLeases = [...addresses.all()].filter(isOld);
  if (oldPorts.length === 0 && oldLeases.length === 0) return;
  const instances = await openView(bucket, clock);
  instances.close();
  await sweepOld(books, instances, oldPorts, oldLeases);
}

async function sweepOld(
  books: SweepBooks,
  instances: View<Instance>,
  oldPorts: Port[],
  oldLeases: Entry<AddressLease>[],
): Promise<void> {
  const { addresses, logger } = books;
  const suspects = new Set<string>();
  for (const { instanceUuid } of oldPorts) if (mayBeGone(instances, instanceUuid)) suspects.add(instanceUuid);
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
  return !holdsShare(stateOf(instance));
}

/** Asked of the bucket itself: a view may be late, and leaves out what cannot be read, of which nobody knows that. */
export async function isGone({ instances, logger }: SweepBooks, uuid: string): Promise<boolean> {
  const place = await unlessUnreadable(logger, uuid, () => instances.look(uuid));
  return place !== undefined && hasNothing(place.value);
}
