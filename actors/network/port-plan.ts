/** What is to be made for one requested network: looked up and checked before anything is written. */
import { fail } from '../../machines/failure.ts';
import type { Instance, Network, Subnet } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { isWithin, subnetOf } from './fixed-ip.ts';
import { parseBlock, parseIpv4 } from './ipv4.ts';
import { portIdOf } from './port-book.ts';
import { TrackedBucket } from './tracked-bucket.ts';
import { ViewIndex } from './view-index.ts';

/** What an instance is to have, as its record says, and the host and attempt that it is to have it for. */
export interface AllocationRequest extends Pick<Instance, 'uuid' | 'projectId' | 'securityGroups' | 'networks'> {
  readonly host: string;
  readonly attempt: number;
}

export interface PortPlan {
  portId: string;
  mac: string;
  network: Network;
  /** Where an address may come from, in order of preference; the one of the fixed IP when there is one. */
  subnets: Subnet[];
  fixedIp: string | undefined;
}

/** The networks and subnets that ports can be planned on. */
export class NetworkCatalog {
  readonly #networks: TrackedBucket<Network>;
  readonly #subnets: TrackedBucket<Subnet>;
  readonly #byNetwork: ViewIndex<Subnet>;

  private constructor(networks: TrackedBucket<Network>, subnets: TrackedBucket<Subnet>) {
    this.#networks = networks;
    this.#subnets = subnets;
    this.#byNetwork = new ViewIndex(subnets.view, ({ networkId }) => networkId);
  }

  static async open({ store }: Runtime): Promise<NetworkCatalog> {
    const [networks, networkView, subnets, subnetView] = await Promise.all([
      store.bucket('network'),
      store.view('network'),
      store.bucket('subnet'),
      store.view('subnet'),
    ]);
    return new NetworkCatalog(new TrackedBucket(networks, networkView), new TrackedBucket(subnets, subnetView));
  }

  get subnets(): View<Subnet> {
    return this.#subnets.view;
  }

  network(id: string): Network | undefined {
    return this.#networks.view.get(id);
  }

  /** The subnet of the network in which the address is. */
  subnetWith(networkId: string, address: string): Subnet | undefined {
    const subnets = this.#byNetwork.entries(networkId).map(({ value }) => value);
    return subnets.find(({ cidr }) => isWithin(parseIpv4(address), parseBlock(cidr)));
  }

  /** Throws `not_found` for a network that is not there or not the project's, `invalid_request` for a wrong fixed IP. */
  async plan({ uuid, projectId, networks }: AllocationRequest): Promise<PortPlan[]> {
    // A network of a moment ago may not be in the view yet.
    const isKnown = networks.every(({ networkId: id }) => this.network(id) && this.#byNetwork.keys(id).size > 0);
    if (!isKnown) await Promise.all([this.#networks.view.caughtUp(), this.#subnets.view.caughtUp()]);
    return networks.map(({ networkId, mac, fixedIp }, index) => {
      const field = `/networks/${index}`;
      const network = this.network(networkId);
      // Another project's network is as good as none: who may not use it need not know of it.
      if (!network || (network.projectId !== undefined && network.projectId !== projectId)) {
        throw fail('not_found', `there is no network ${networkId}`, { details: { field: `${field}/networkId` } });
      }
      const subnets = this.#byNetwork
        .entries(networkId)
        .map(({ value }) => value)
        .toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
      if (subnets.length === 0) {
        throw fail('network_unavailable', `network ${network.name} has no subnet`, { details: { networkId } });
      }
      return {
        portId: portIdOf(uuid, index),
        mac,
        network,
        subnets: fixedIp === undefined ? subnets : [subnetOf(fixedIp, subnets, network, `${field}/fixedIp`)],
        fixedIp,
      };
    });
  }

  close(): void {
    this.#byNetwork.close();
    this.#networks.close();
    this.#subnets.close();
  }
}
