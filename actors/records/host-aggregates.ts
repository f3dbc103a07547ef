/** What the aggregates say of each host that is in them: above all its zone. */
import type { Aggregate, Host } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';
import type { Store } from '../runtime/store.ts';

/** What the aggregates of one host say of it. */
export interface Membership {
  /** Of the aggregates that have one: it is the same in all of them. */
  zone: string | undefined;
  /** Of the aggregates, in order. */
  names: readonly string[];
  /** Key → all that its aggregates say there; commas part alternatives. Nova's aggregate_metadata_get_by_host. */
  metadata: ReadonlyMap<string, ReadonlySet<string>>;
}

const none: Membership = { zone: undefined, names: [], metadata: new Map() };

export class HostAggregates {
  readonly #view: View<Aggregate>;
  #memberships: ReadonlyMap<string, Membership> = new Map();
  #revision = 0;

  static async open(store: Store): Promise<HostAggregates> {
    return new HostAggregates(await store.view('aggregate'));
  }

  private constructor(view: View<Aggregate>) {
    this.#view = view;
  }

  of(host: string): Membership {
    // They seldom change, and are asked for at every launch.
    if (this.#revision !== this.#view.revision) {
      this.#memberships = membershipsOf(this.#view.values());
      this.#revision = this.#view.revision;
    }
    return this.#memberships.get(host) ?? none;
  }

  zoneOf(host: Host): string {
    return zoneOf(host, this.of(host.name));
  }
}

/** A host is in the zone of its aggregates, or else in its own. */
export function zoneOf({ availabilityZone }: Pick<Host, 'availabilityZone'>, { zone }: Membership = none): string {
  return zone ?? availabilityZone;
}

/** Host → what its aggregates say of it. */
export function membershipsOf(aggregates: Iterable<Aggregate>): Map<string, Membership> {
  const byHost = new Map<string, Aggregate[]>();
  for (const aggregate of aggregates) {
    for (const host of aggregate.hosts) byHost.set(host, [...(byHost.get(host) ?? []), aggregate]);
  }
  return new Map([...byHost].map(([host, its]) => [host, membershipIn(its)]));
}

function membershipIn(aggregates: readonly Aggregate[]): Membership {
  const said = new Map<string, Set<string>>();
  for (const [key, value] of aggregates.flatMap(({ metadata }) => Object.entries(metadata))) {
    const alternatives = value.split(',').map((each) => each.trim());
    said.set(key, new Set([...(said.get(key) ?? []), ...alternatives]));
  }
  return {
    zone: aggregates.find(({ availabilityZone }) => availabilityZone !== undefined)?.availabilityZone,
    names: aggregates.map(({ name }) => name).toSorted(),
    metadata: said,
  };
}
