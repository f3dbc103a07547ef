/**
 * Sees to it, before anything is given out, that what instances have is recorded as theirs.
 *
 * A store that has gone back may have kept an instance's record and lost its port, or the lease of its address, which
 * would then be given to another; or have kept the port of an attempt that the instance's record knows nothing of, and
 * which would refuse it to the attempt that is under way now. Both are put right by the instance's record. Only where
 * another has the address by now nothing is done but to tell: who is to have it nobody here can decide.
 *
 * Ports and leases are looked at first, and instances after them, because a record says that it has a port, and in which
 * attempt, before there is one, and ceases to before there is none. What is written is written only where nobody has
 * touched it meanwhile. So it does no harm while others serve, and does nothing where nothing is lost.
 */

import type { StateValue } from 'xstate';
import type { InstanceContext } from '../../machines/instance.ts';
import { statePath } from '../../machines/instance-states.ts';
import type { AlarmFact } from '../../transport/messages/internal.ts';
import type { Instance, Port } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import { openView } from '../../transport/nats/view.ts';
import type { HeldLease } from './address-book.ts';
import { leaseKey } from './address-book.ts';
import { hasNothing, type SweepBooks } from './address-sweep.ts';
import { attemptOf } from './port-book.ts';
import type { NetworkCatalog } from './port-plan.ts';

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

  for (const port of known.values()) {
    const attempt = attemptIn(instances.get(port.value.instanceUuid));
    if (attempt < attemptOf(port.value)) await ports.bucket.update(port.key, { ...port.value, attempt }, port.revision);
  }
  for (const lease of leased.values()) {
    const attempt = attemptIn(instances.get(lease.value.instanceUuid));
    if (attempt < attemptOf(lease.value)) await addresses.renew(lease, { ...lease.value, attempt });
  }
  for (const { uuid, ...instance } of instances.values()) {
    for (const { id } of portsOf(instance)) {
      const port = known.get(id)?.value;
      const isWhole = port?.fixedIps.every(
        ({ subnetId, address }) => leased.get(leaseKey(subnetId, address))?.value.portId === id,
      );
      if (!isWhole) await restore(books, uuid, id);
    }
  }
}

/** Of an instance without a record, whose ports are swept: as good as any. */
function attemptIn(instance: Instance | undefined): number {
  return instance ? Number(instance.chart.context.attempt) : Number.POSITIVE_INFINITY;
}

/** What has them for certain. In a state that gives back they may be given back already. */
function portsOf({ chart }: Pick<Instance, 'chart'>): InstancePort[] {
  const { ports } = chart.context as unknown as InstanceContext;
  return /^(failed\.)?(releasing|reclaiming)/.test(statePath(chart.value as StateValue)) ? [] : ports;
}

async function restore(books: RestoreBooks, uuid: string, portId: string): Promise<void> {
  const { addresses, ports, instances, logger } = books;
  const place = await ports.bucket.look(portId);
  const instance = (await instances.get(uuid))?.value;
  const had = instance && portsOf(instance).find(({ id }) => id === portId);
  const port = place.value ?? (had && portOf(books, instance, had));
  if (!instance || !port) return;
  const made: HeldLease[] = [];
  for (const { subnetId, address } of port.fixedIps) {
    const { attempt = 1 } = port;
    const lease = { portId, instanceUuid: uuid, attempt, leasedAt: port.createdAt };
    let held = await addresses.leaseFixed({ id: subnetId }, address, lease);
    if ('value' in held && held.value.portId !== portId) {
      const other = held.value.instanceUuid;
      // One that has given it back since, of which only that is lost.
      const isFree = hasNothing((await instances.get(other))?.value);
      const taken = isFree ? await addresses.renew(held, lease) : conflict;
      if (taken === conflict) return tellConflict(books, instance, address, other);
      held = taken;
    }
    if (!('value' in held)) made.push(held);
  }
  const isWritten = place.value || (await ports.createAfter(portId, port, place.revision)) !== conflict;
  if (isWritten) logger.warn({ uuid, portId, addresses: had?.addresses }, 'a port that the store had lost is restored');
  else for (const lease of made) await addresses.giveBack(lease);
}

/** The port as the instance's record knows it. Nothing when its network is gone. */
function portOf({ catalog, clock }: RestoreBooks, instance: Instance, had: InstancePort): Port | undefined {
  const { uuid, projectId, securityGroups, chart } = instance;
  const { host, lostHost, attempt } = chart.context as unknown as InstanceContext;
  const fixedIps = had.addresses.flatMap((address) => {
    const subnet = catalog.subnetWith(had.networkId, address);
    return subnet ? [{ subnetId: subnet.id, address }] : [];
  });
  if (fixedIps.length < had.addresses.length) return undefined;
  const { id, networkId, mac } = had;
  const at = { host: host ?? lostHost ?? '', attempt };
  return { id, networkId, mac, projectId, instanceUuid: uuid, ...at, fixedIps, securityGroups, createdAt: clock.now() };
}

function tellConflict({ alarm }: RestoreBooks, { uuid }: Instance, address: string, other: string): void {
  const message =
    `the store had lost that instance ${uuid} has the address ${address}, and instance ${other} has it, too: ` +
    'delete one of them';
  alarm({ kind: 'address-lost', message });
}
