/**
 * Sees to it, before anything is given out and with each sweep, that what instances have is recorded as theirs.
 *
 * A store that has gone back may have kept an instance's record and lost its port, or kept a port and lost the lease of its
 * address, which would then be given to another; or have kept the port of an attempt that the instance's record knows
 * nothing of, and which would refuse it to the attempt that is under way now. What the record names is put right by the
 * record; a port that it does not name yet is what an allocation is going to answer, and has to be whole. An address that
 * another has by now is left to it: a port that no record names goes, so that another is made; of one that is named an
 * operator is told, because who is to have the address nobody here can decide, and it is leased again when the other is
 * gone. What cannot be read is left as it is.
 *
 * A record tells of an attempt before there is a port of it: it has lost the attempt of a port that is ahead of it. It
 * names a port only once that is there, and says that it gives back before that goes: one that it names and that was not
 * seen was lost, or made in between, so it is looked at once more; so is a port of which a lease was not seen. What is
 * written is written only where nobody has touched it meanwhile. So it does no harm while others serve, and does nothing
 * where nothing is lost.
 */
import type { InstanceContext } from '../../machines/instance.ts';
import { keepsPorts } from '../../machines/instance-states.ts';
import type { Clock } from '../../transport/clock.ts';
import type { AlarmFact } from '../../transport/messages/internal.ts';
import type { Instance, Port } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import { attemptOf, contextOf, stateOf } from '../instance/stored-chart.ts';
import type { SeenBefore } from '../runtime/seen-before.ts';
import { unlessUnreadable } from '../runtime/unless-unreadable.ts';
import { type HeldLease, leaseKey } from './address-book.ts';
import type { AddressRecords } from './address-records.ts';
import { isGone, type SweepBooks } from './address-sweep.ts';
import { attemptHolding, hasAddress } from './port-book.ts';
import type { NetworkCatalog } from './port-plan.ts';

type InstancePort = InstanceContext['ports'][number];

export interface RestoreBooks extends SweepBooks {
  readonly clock: Clock;
  readonly catalog: NetworkCatalog;
  readonly alarm: (alarm: Omit<AlarmFact, 'at'>) => void;
  /** The alarms of the time before, which are not raised again. */
  readonly raised: SeenBefore;
}

export async function restoreAddresses(books: RestoreBooks, recorded: AddressRecords): Promise<void> {
  const wasRaised = books.raised.look();
  const alarm: RestoreBooks['alarm'] = (told) => {
    if (!wasRaised(told.message)) books.alarm(told);
  };
  await takeBackAttempts(books, recorded);
  const present = Map.groupBy(recorded.ports.values(), ({ value }) => value.instanceUuid);
  for (const instance of recorded.instances.values()) {
    if (!keepsPorts(stateOf(instance))) continue;
    const [seen, named] = [present.get(instance.uuid) ?? [], contextOf(instance).ports];
    const ids = new Set([...seen.map(({ key }) => key), ...named.map(({ id }) => id)]);
    for (const id of ids) if (!isWhole(recorded, id)) await restore({ ...books, alarm }, instance.uuid, id);
  }
}

/** Of ports and leases of an attempt that the instance's record knows nothing of. */
async function takeBackAttempts({ addresses, ports }: RestoreBooks, recorded: AddressRecords): Promise<void> {
  const lostAttempt = (held: Pick<Port, 'instanceUuid' | 'attempt'>) => {
    const instance = recorded.instances.get(held.instanceUuid);
    return instance && attemptHolding(held) > attemptOf(instance) ? attemptOf(instance) : undefined;
  };
  for (const { key, value, revision } of recorded.ports.values()) {
    const attempt = lostAttempt(value);
    if (attempt !== undefined) await ports.bucket.update(key, { ...value, attempt }, revision);
  }
  for (const lease of recorded.leases.values()) {
    const attempt = lostAttempt(lease.value);
    if (attempt !== undefined) await addresses.renew(lease, { ...lease.value, attempt });
  }
}

function isWhole({ ports, leases }: AddressRecords, portId: string): boolean {
  const port = ports.get(portId)?.value;
  if (!port) return false;
  return port.fixedIps.every(
    ({ subnetId, address }) => leases.get(leaseKey(subnetId, address))?.value.portId === portId,
  );
}

async function restore(books: RestoreBooks, uuid: string, portId: string): Promise<void> {
  const { ports, instances, logger } = books;
  // Of a port that cannot be read the instance knows the addresses.
  const place = await unlessUnreadable(logger, portId, () => ports.bucket.look(portId));
  const instance = (await unlessUnreadable(logger, uuid, () => instances.get(uuid)))?.value;
  if (!instance || !keepsPorts(stateOf(instance))) return;
  const named = contextOf(instance).ports.find(({ id }) => id === portId);
  const port = place?.value ?? (named && portOf(books, instance, named));
  if (!port) return;
  const made: HeldLease[] = [];
  for (const fixedIp of port.fixedIps) {
    const lease = await restoreLease(books, port, fixedIp);
    if (!lease) continue;
    if (!('holder' in lease)) made.push(lease);
    else if (named) tellConflict(books, uuid, fixedIp.address, lease.holder);
    else return giveUp(books, port, place?.revision, made);
  }
  const isLost = place !== undefined && place.value === undefined;
  if (!isLost && made.length === 0) return;
  // Written also when it is there, because only a write tells that it still is.
  if (place && (await ports.createAfter(portId, port, place.revision)) === conflict)
    return giveBackSpare(books, portId, made);
  const leases = made.map(({ address }) => address);
  logger.warn({ uuid, portId, isLost, leases }, 'what the store had lost of a port is restored');
}

/** The lease, if it had to be made, or the instance that has the address by now. */
async function restoreLease(
  books: RestoreBooks,
  port: Port,
  { subnetId, address }: Port['fixedIps'][number],
): Promise<HeldLease | { holder: string } | undefined> {
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
  return taken === conflict ? { holder: held.value.instanceUuid } : taken;
}

/** A port that nobody goes by yet, and whose address is another's. */
async function giveUp(books: RestoreBooks, port: Port, revision: number | undefined, made: HeldLease[]): Promise<void> {
  const { id: portId, instanceUuid: uuid } = port;
  if ((await books.ports.bucket.remove(portId, revision)) !== conflict)
    books.logger.warn({ uuid, portId }, 'a port is removed whose address the store has given to another');
  await giveBackSpare(books, portId, made);
}

/** What the port does not have after all. */
async function giveBackSpare({ addresses, ports }: RestoreBooks, portId: string, made: HeldLease[]): Promise<void> {
  const { value: port } = await ports.bucket.look(portId);
  for (const lease of made) if (!port || !hasAddress(port, lease)) await addresses.giveBack(lease);
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
