/**
 * Sees to it, before anything is given out, that what instances have is recorded as theirs.
 *
 * A store that has gone back may have kept an instance's record and lost its port, or the lease of its address, which
 * would then be given to another; or have kept the port of an attempt that the instance's record knows nothing of, and
 * which would refuse it to the attempt that is under way now. Both are put right by the instance's record. An address
 * that another has by now is left to it, and told of: who is to have it nobody here can decide. What cannot be read is
 * left as it is.
 *
 * Ports and leases are looked at first, and instances after them. A record tells of an attempt before there is a port of
 * it: it has lost the attempt of a port that is ahead of it. It names a port only once that is there, and says that it
 * gives back before that goes: one that it names and that was not seen was lost, or made in between, so it is looked at
 * once more. What is written is written only where nobody has touched it meanwhile. So it does no harm while others serve,
 * and does nothing where nothing is lost.
 */
import type { InstanceContext } from '../../machines/instance.ts';
import { isGivingBack } from '../../machines/instance-states.ts';
import type { AlarmFact } from '../../transport/messages/internal.ts';
import type { Instance, Port } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import { openView } from '../../transport/nats/view.ts';
import { attemptOf, contextOf, stateOf } from '../instance/stored-chart.ts';
import { type HeldLease, leaseKey } from './address-book.ts';
import { isGone, type SweepBooks } from './address-sweep.ts';
import { attemptHolding } from './port-book.ts';
import type { NetworkCatalog } from './port-plan.ts';
import { unlessUnreadable } from './unless-unreadable.ts';

type InstancePort = InstanceContext['ports'][number];

export interface RestoreBooks extends SweepBooks {
  readonly catalog: NetworkCatalog;
  readonly alarm: (alarm: Omit<AlarmFact, 'at'>) => void;
}

export async function restoreAddresses(books: RestoreBooks): Promise<void> {
  const { addresses, ports, instances: bucket, clock } = books;
  await Promise.all([addresses.caughtUp(), ports.view.caughtUp()]);
  const known = new Map([...ports.view.entries()].map((entry) => [entry.key, entry]));
  const leased = new Map([...addresses.all()].map((entry) => [entry.key, entry]));
  const instances = await openView(bucket, clock);
  instances.close();

  for (const { key, value, revision } of known.values()) {
    const instance = instances.get(value.instanceUuid);
    if (!instance || attemptHolding(value) <= attemptOf(instance)) continue;
    await ports.bucket.update(key, { ...value, attempt: attemptOf(instance) }, revision);
  }
  for (const lease of leased.values()) {
    const instance = instances.get(lease.value.instanceUuid);
    if (!instance || attemptHolding(lease.value) <= attemptOf(instance)) continue;
    await addresses.renew(lease, { ...lease.value, attempt: attemptOf(instance) });
  }
  for (const instance of instances.values()) {
    for (const { id } of portsOf(instance)) {
      const port = known.get(id)?.value;
      const isWhole = port?.fixedIps.every(
        ({ subnetId, address }) => leased.get(leaseKey(subnetId, address))?.value.portId === id,
      );
      if (!isWhole) await restore(books, instance.uuid, id);
    }
  }
}

/** What has them for certain: an instance that gives back may have given them back already. */
function portsOf(instance: Instance): InstancePort[] {
  return isGivingBack(stateOf(instance)) ? [] : contextOf(instance).ports;
}

async function restore(books: RestoreBooks, uuid: string, portId: string): Promise<void> {
  const { addresses, ports, instances, logger } = books;
  // Of a port that cannot be read the instance knows the addresses.
  const place = await unlessUnreadable(logger, portId, () => ports.bucket.look(portId));
  const instance = (await unlessUnreadable(logger, uuid, () => instances.get(uuid)))?.value;
  const had = instance && portsOf(instance).find(({ id }) => id === portId);
  const port = had && (place?.value ?? portOf(books, instance, had));
  if (!port) return;
  const made: HeldLease[] = [];
  for (const fixedIp of port.fixedIps) {
    const lease = await restoreLease(books, port, fixedIp);
    if (lease) made.push(lease);
  }
  const isLost = place !== undefined && place.value === undefined;
  if (isLost && (await ports.createAfter(portId, port, place.revision)) === conflict) {
    for (const lease of made) await addresses.giveBack(lease);
    return;
  }
  if (!isLost && made.length === 0) return;
  const leases = made.map(({ address }) => address);
  logger.warn({ uuid, portId, isLost, leases }, 'what the store had lost of a port is restored');
}

/** The lease, if it had to be made. */
async function restoreLease(
  books: RestoreBooks,
  port: Port,
  { subnetId, address }: Port['fixedIps'][number],
): Promise<HeldLease | undefined> {
  const { addresses, logger } = books;
  const { id: portId, instanceUuid } = port;
  const lease = { portId, instanceUuid, attempt: attemptHolding(port), leasedAt: port.createdAt };
  const held = await unlessUnreadable(logger, leaseKey(subnetId, address), () =>
    addresses.leaseFixed({ id: subnetId }, address, lease),
  );
  if (held === undefined || !('value' in held)) return held;
  if (held.value.portId === portId) return undefined;
  // One that has given it back since, of which only that is lost.
  const isFree = await isGone(books, held.value.instanceUuid);
  const taken = isFree ? await addresses.renew(held, lease) : conflict;
  if (taken !== conflict) return taken;
  tellConflict(books, instanceUuid, address, held.value.instanceUuid);
  return undefined;
}

/** The port as the instance's record knows it. Nothing when its network is gone. */
function portOf({ catalog, clock }: RestoreBooks, instance: Instance, had: InstancePort): Port | undefined {
  const { uuid, projectId, securityGroups } = instance;
  const { host, lostHost, attempt } = contextOf(instance);
  const fixedIps = had.addresses.flatMap((address) => {
    const subnet = catalog.subnetWith(had.networkId, address);
    return subnet ? [{ subnetId: subnet.id, address }] : [];
  });
  if (fixedIps.length < had.addresses.length) return undefined;
  const { id, networkId, mac } = had;
  const at = { host: host ?? lostHost ?? '', attempt };
  return { id, networkId, mac, projectId, instanceUuid: uuid, ...at, fixedIps, securityGroups, createdAt: clock.now() };
}

function tellConflict({ alarm }: RestoreBooks, uuid: string, address: string, other: string): void {
  const message =
    `the store had lost that instance ${uuid} has the address ${address}, and instance ${other} has it, too: ` +
    'delete one of them';
  alarm({ kind: 'address-lost', message });
}
