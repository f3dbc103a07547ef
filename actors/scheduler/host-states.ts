/** What a scheduler knows of the fleet, without asking: the hosts' records, their aggregates, and what instances use. */
import type { Host, Image, Instance } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';
import { contextOf } from '../instance/stored-chart.ts';
import { HostAggregates, zoneOf } from '../records/host-aggregates.ts';
import { isOfEarlierServer, type Liveness } from '../runtime/liveness.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { GroupTurn } from './group-turns.ts';
import { HostUsage } from './host-usage.ts';
import type { HostState, PlacementRequest } from './placement.ts';

export class HostStates {
  readonly usage: HostUsage;
  readonly #servedBy: string;
  readonly #hosts: View<Host>;
  readonly #liveness: Liveness;
  readonly #aggregates: HostAggregates;
  readonly #images: View<Image>;
  readonly #imageBucket: Bucket<Image>;

  private constructor(
    servedBy: string,
    hosts: View<Host>,
    liveness: Liveness,
    aggregates: HostAggregates,
    instances: View<Instance>,
    images: View<Image>,
    imageBucket: Bucket<Image>,
  ) {
    this.#servedBy = servedBy;
    this.#hosts = hosts;
    this.#liveness = liveness;
    this.#aggregates = aggregates;
    this.usage = new HostUsage(instances);
    this.#images = images;
    this.#imageBucket = imageBucket;
  }

  static async open({ bus, store }: Runtime): Promise<HostStates> {
    return new HostStates(
      bus.servedBy,
      await store.view('host'),
      await store.liveness(),
      await HostAggregates.open(store),
      await store.view('instance'),
      await store.view('image'),
      await store.bucket('image'),
    );
  }

  /** The hosts that an instance may go to at all, as they are at this moment: of an evacuation not where it comes from. */
  candidates(record: Instance): HostState[] {
    const { lostHost, wantedHost } = contextOf(record);
    const states: HostState[] = [];
    for (const host of this.#hosts.values()) {
      if (host.name === lostHost || (wantedHost !== undefined && host.name !== wantedHost)) continue;
      const membership = this.#aggregates.of(host.name);
      states.push({
        host,
        // One that was up before the nats-server was started may be dead, or is yet to see what it has.
        isAlive: this.#liveness.isAlive(host.name) && !isOfEarlierServer(host, this.#servedBy),
        zone: zoneOf(host, membership),
        metadata: membership.metadata,
        used: this.usage.of(host.name),
        building: this.usage.buildingOn(host.name),
      });
    }
    return states;
  }

  /** The image, when the view does not have it yet because it is a moment old: looked up beforehand. */
  async newImage({ imageId }: Instance): Promise<Image | undefined> {
    return (await this.#imageBucket.get(imageId))?.value;
  }

  knowsImage({ imageId }: Instance): boolean {
    return this.#images.get(imageId) !== undefined;
  }

  request(record: Instance, turn: GroupTurn | undefined, newImage: Image | undefined): PlacementRequest {
    const { flavor, availabilityZone, imageId, hints = {} } = record;
    const { tried, sharedDisks } = contextOf(record);
    return {
      flavor,
      availabilityZone,
      imageProperties: (newImage ?? this.#images.get(imageId))?.properties ?? {},
      tried: new Set(tried.map(({ host }) => host)),
      group: turn && { policy: turn.group.policy, hosts: this.#hostsOfGroup(turn) },
      sameHosts: hints.sameHost && new Set(this.#hostsOf(hints.sameHost)),
      differentHosts: new Set(this.#hostsOf(hints.differentHost ?? [])),
      sharedDisks,
    };
  }

  close(): void {
    this.usage.close();
  }

  #hostsOf(uuids: readonly string[]): string[] {
    return uuids.map((uuid) => this.usage.hostOf(uuid)).filter((host) => host !== undefined);
  }

  #hostsOfGroup({ group, underWay }: GroupTurn): ReadonlySet<string> {
    return new Set([...this.usage.hostsOfGroup(group.id), ...Object.values(underWay).map(({ host }) => host)]);
  }
}

/** As it will be when it is heard and has its hypervisor again. One that was declared down is not waited for. */
export function restored(state: HostState): HostState {
  return state.host.down ? state : { ...state, isAlive: true, host: { ...state.host, hypervisorState: 'up' } };
}
