/** The availability zones that an instance may ask for: those that some host is in, whether or not it can be used now. */
import { fail } from '../../machines/failure.ts';
import type { Aggregate, Host } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';
import { HostAggregates } from '../records/host-aggregates.ts';
import type { Store } from '../runtime/store.ts';

export class Zones {
  readonly #hosts: View<Host>;
  readonly #aggregates: View<Aggregate>;
  readonly #memberships: HostAggregates;

  static async open(store: Store): Promise<Zones> {
    return new Zones(await store.view('host'), await store.view('aggregate'), await HostAggregates.open(store));
  }

  private constructor(hosts: View<Host>, aggregates: View<Aggregate>, memberships: HostAggregates) {
    this.#hosts = hosts;
    this.#aggregates = aggregates;
    this.#memberships = memberships;
  }

  /** Rejects with `invalid_request`, as Nova does, only when the views have caught up: a zone may have come just now. */
  async confirm(zone: string): Promise<void> {
    if (this.#has(zone)) return;
    await Promise.all([this.#hosts.caughtUp(), this.#aggregates.caughtUp()]);
    if (this.#has(zone)) return;
    throw fail('invalid_request', `no host is in the availability zone ${zone} (field /availabilityZone)`, {
      details: { field: '/availabilityZone' },
    });
  }

  #has(zone: string): boolean {
    for (const host of this.#hosts.values()) if (this.#memberships.zoneOf(host) === zone) return true;
    return false;
  }
}
