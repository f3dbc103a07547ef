/** What a scheduler knows of the fleet, without asking: the hosts' records, their aggregates, and what instances use. */
import type { InstanceContext } from '../../machines/instance.ts';
import type { Host, Image, Instance, ServerGroup } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';
import { HostAggregates, zoneOf } from '../records/host-aggregates.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { HostUsage } from './host-usage.ts';
import type { HostState, PlacementRequest } from './placement.ts';

interface Looked<T> {
  bucket: Bucket<T>;
  view: View<T>;
}

export class HostStates {
  readonly usage: HostUsage;
  readonly #hosts: View<Host>;
  readonly #aggregates: HostAggregates;
  readonly #images: Looked<Image>;
  readonly #groups: Looked<ServerGroup>;

  private constructor(
    hosts: View<Host>,
    aggregates: HostAggregates,
    instances: View<Instance>,
    images: Looked<Image>,
    groups: Looked<ServerGroup>,
  ) {
    this.#hosts = hosts;
    this.#aggregates = aggregates;
    this.usage = new HostUsage(instances);
    this.#images = images;
    this.#groups = groups;
  }

  static async open({ store }: Runtime): Promise<HostStates> {
    const [hosts, aggregates, instances, images, imageView, groups, groupView] = await Promise.all([
      store.view('host'),
      HostAggregates.open(store),
      store.view('instance'),
      store.bucket('image'),
      store.view('image'),
      store.bucket('serverGroup'),
      store.view('serverGroup'),
    ]);
    return new HostStates(
      hosts,
      aggregates,
      instances,
      { bucket: images, view: imageView },
      { bucket: groups, view: groupView },
    );
  }

  /** All hosts, as they are at this moment. */
  all(): HostState[] {
    const states: HostState[] = [];
    for (const host of this.#hosts.values()) {
      const membership = this.#aggregates.of(host.name);
      states.push({
        host,
        zone: zoneOf(host, membership),
        metadata: membership.metadata,
        used: this.usage.of(host.name),
        building: this.usage.buildingOn(host.name),
      });
    }
    return states;
  }

  /** What the request refers to and the views may not have yet, because it is a moment old: looked up beforehand. */
  needsLooking({ imageId, hints }: Instance): boolean {
    return (
      this.#images.view.get(imageId) === undefined ||
      (hints?.group !== undefined && this.#groups.view.get(hints.group) === undefined)
    );
  }

  async look({ imageId, hints }: Instance): Promise<Referred> {
    const [image, group] = await Promise.all([
      lookUp(this.#images, imageId),
      hints?.group === undefined ? undefined : lookUp(this.#groups, hints.group),
    ]);
    return { image, group };
  }

  request(record: Instance, now: number, looked?: Referred): PlacementRequest {
    const { flavor, availabilityZone, imageId, hints = {} } = record;
    const { tried } = record.chart.context as unknown as InstanceContext;
    const group = hints.group === undefined ? undefined : (looked?.group ?? this.#groups.view.get(hints.group));
    return {
      flavor,
      availabilityZone,
      imageProperties: (looked?.image ?? this.#images.view.get(imageId))?.properties ?? {},
      tried: new Set(tried.map(({ host }) => host)),
      group: group && { policy: group.policy, hosts: this.usage.hostsOfGroup(group.id) },
      sameHosts: hints.sameHost && new Set(this.#hostsOf(hints.sameHost)),
      differentHosts: new Set(this.#hostsOf(hints.differentHost ?? [])),
      now,
    };
  }

  close(): void {
    this.usage.close();
  }

  #hostsOf(uuids: readonly string[]): string[] {
    return uuids.map((uuid) => this.usage.hostOf(uuid)).filter((host) => host !== undefined);
  }
}

export interface Referred {
  image: Image | undefined;
  group: ServerGroup | undefined;
}

async function lookUp<T>({ view, bucket }: Looked<T>, key: string): Promise<T | undefined> {
  return view.get(key) ?? (await bucket.get(key))?.value;
}
