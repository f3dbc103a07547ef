/**
 * Which addresses are leased. Creating a lease's key is what makes an address unique; what is free is known without
 * asking, from the view and from what this process has in hand, so that many controllers seldom meet at one.
 */

import type { Chance } from '../../transport/clock.ts';
import type { AddressLease, Subnet } from '../../transport/messages/records.ts';
import { type Conflict, conflict, type Entry } from '../../transport/nats/bucket.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { AddressPool } from './address-pool.ts';
import { allocationRange } from './allocation-range.ts';
import { formatIpv4, parseIpv4 } from './ipv4.ts';
import { TrackedBucket } from './tracked-bucket.ts';
import { ViewIndex } from './view-index.ts';

/** A lease that this process has made or renewed, as it was at `revision`. */
export interface HeldLease {
  subnetId: string;
  address: string;
  revision: number;
}

export function leaseKey(subnetId: string, address: string): string {
  return `${subnetId}.${address}`;
}

export function parseLeaseKey(key: string): { subnetId: string; address: string } {
  const dot = key.indexOf('.');
  return { subnetId: key.slice(0, dot), address: key.slice(dot + 1) };
}

export class AddressBook {
  readonly #leases: TrackedBucket<AddressLease>;
  readonly #byPort: ViewIndex<AddressLease>;
  readonly #byInstance: ViewIndex<AddressLease>;
  readonly #chance: Chance;
  readonly #pools = new Map<string, { pool: AddressPool; allocation: Subnet['allocation'] }>();
  readonly #stopListening: () => void;

  private constructor(leases: TrackedBucket<AddressLease>, chance: Chance) {
    this.#leases = leases;
    this.#chance = chance;
    this.#byPort = new ViewIndex(leases.view, ({ portId }) => portId);
    this.#byInstance = new ViewIndex(leases.view, ({ instanceUuid }) => instanceUuid);
    this.#stopListening = leases.view.onChange(({ key }) => this.#mark(key));
  }

  static async open({ store, chance }: Runtime): Promise<AddressBook> {
    const [bucket, view] = await Promise.all([store.bucket('address'), store.view('address')]);
    return new AddressBook(new TrackedBucket(bucket, view), chance);
  }

  /** Leases any free address of the subnet; nothing when none is left, as far as the view goes. */
  async leaseAny(subnet: Subnet, lease: AddressLease): Promise<HeldLease | undefined> {
    const pool = this.#poolOf(subnet);
    for (;;) {
      // A random place to begin: two controllers seldom pick the same, and an address that was given back rests.
      const number = pool.takeNext(this.#chance.fraction());
      if (number === undefined) return undefined;
      const address = formatIpv4(number);
      const key = leaseKey(subnet.id, address);
      const removedAt = this.#leases.removedAt(key);
      try {
        const revision = await (removedAt > 0
          ? this.#leases.bucket.update(key, lease, removedAt)
          : this.#leases.bucket.create(key, lease));
        if (revision !== conflict) return { subnetId: subnet.id, address, revision };
      } catch (error) {
        this.#settle(key);
        throw error;
      }
      this.#settle(key);
    }
  }

  /** Leases this address, or says who has it. */
  async leaseFixed(
    subnet: Pick<Subnet, 'id'>,
    address: string,
    lease: AddressLease,
  ): Promise<HeldLease | Entry<AddressLease>> {
    const key = leaseKey(subnet.id, address);
    for (;;) {
      const revision = await this.#leases.bucket.create(key, lease);
      if (revision !== conflict) return { subnetId: subnet.id, address, revision };
      const { value, revision: takenAt } = await this.#leases.bucket.look(key);
      if (value) return { key, value, revision: takenAt };
    }
  }

  /** Makes a lease that is there the caller's: whoever had it in hand can no longer give it back. */
  async renew({ key, revision }: Entry<AddressLease>, lease: AddressLease): Promise<HeldLease | Conflict> {
    const renewed = await this.#leases.bucket.update(key, lease, revision);
    return renewed === conflict ? conflict : { ...parseLeaseKey(key), revision: renewed };
  }

  /** A no-op when the lease has been renewed by another since. */
  async giveBack({ subnetId, address, revision }: HeldLease): Promise<Conflict | undefined> {
    return this.#leases.bucket.remove(leaseKey(subnetId, address), revision);
  }

  ofPort(portId: string): Entry<AddressLease>[] {
    return this.#byPort.entries(portId);
  }

  ofInstance(instanceUuid: string): Entry<AddressLease>[] {
    return this.#byInstance.entries(instanceUuid);
  }

  all(): Iterable<Entry<AddressLease>> {
    return this.#leases.view.entries();
  }

  caughtUp(): Promise<void> {
    return this.#leases.view.caughtUp();
  }

  close(): void {
    this.#stopListening();
    this.#byPort.close();
    this.#byInstance.close();
    this.#leases.close();
  }

  #poolOf(subnet: Subnet): AddressPool {
    const { id, allocation } = subnet;
    const known = this.#pools.get(id);
    // Records are replaced when they change, never altered.
    if (known?.allocation === allocation) return known.pool;
    const { first, last, gateway } = allocationRange(subnet);
    const pool = new AddressPool(first, last);
    if (gateway !== undefined) pool.take(gateway);
    this.#pools.set(id, { pool, allocation });
    for (const { key } of this.#leases.view.entries()) if (key.startsWith(`${id}.`)) this.#mark(key);
    return pool;
  }

  #mark(key: string): void {
    const { subnetId, address } = parseLeaseKey(key);
    const pool = this.#pools.get(subnetId)?.pool;
    const number = parseIpv4(address);
    if (!pool || number === undefined) return;
    // A lease that cannot be read is one all the same.
    if (this.#leases.view.revisionOf(key) === undefined) pool.free(number);
    else pool.take(number);
  }

  /** An address that was picked but not had stays out of the pool until the view can tell whose it is. */
  #settle(key: string): void {
    this.#leases.view.caughtUp().then(
      () => this.#mark(key),
      // Not answered: the next change of the lease will tell.
      () => undefined,
    );
  }
}
