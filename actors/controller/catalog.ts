/** What a request names (flavor, image, zone, network, key pair, groups, instances), looked up; each miss names its field. */
import { fail } from '../../machines/failure.ts';
import type { CreateInstance } from '../../transport/messages/api/instance.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import type {
  Flavor,
  Image,
  Instance,
  KeyPair,
  Network,
  SchedulerHints,
  ServerGroup,
  Subnet,
} from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';
import { subnetOf } from '../network/fixed-ip.ts';
import { refuseMisfit } from '../records/image-fit.ts';
import { keyPairKey, securityGroupKey } from '../records/keys.ts';
import { found, isUsableBy, missing, named, seenInstance } from '../records/lookup.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { defaultSecurityGroup, ensureDefaultSecurityGroup, type SecurityGroups } from './default-security-group.ts';
import { isNameable } from './security-groups.ts';
import { Zones } from './zones.ts';

interface Known {
  flavors: View<Flavor>;
  images: View<Image>;
  networks: View<Network>;
  subnets: View<Subnet>;
  keyPairs: View<KeyPair>;
  serverGroups: View<ServerGroup>;
  instances: View<Instance>;
  securityGroups: SecurityGroups;
  zones: Zones;
}

type AskedNetwork = NonNullable<CreateInstance['networks']>[number];

interface WantedNetwork {
  network: Network;
  fixedIp?: string;
}

export class Catalog {
  readonly #known: Known;

  static async open({ store, clock }: Runtime): Promise<Catalog> {
    return new Catalog({
      flavors: await store.view('flavor'),
      images: await store.view('image'),
      networks: await store.view('network'),
      subnets: await store.view('subnet'),
      keyPairs: await store.view('keyPair'),
      serverGroups: await store.view('serverGroup'),
      instances: await store.view('instance'),
      securityGroups: { bucket: await store.bucket('securityGroup'), view: await store.view('securityGroup'), clock },
      zones: await Zones.open(store),
    });
  }

  private constructor(known: Known) {
    this.#known = known;
  }

  async flavor(idOrName: string): Promise<Flavor> {
    return found(this.#known.flavors, () => named(this.#known.flavors, idOrName, 'flavor', '/flavor'));
  }

  /** An image that the project may use, and that fits the flavor: `toBlame` is the field that could be another one. */
  async image(idOrName: string, { projectId }: Caller, flavor: Flavor, toBlame: string): Promise<Image> {
    const isUsable = (image: Image) => image.deletion === undefined && isUsableBy(projectId)(image);
    const look = () => named(this.#known.images, idOrName, 'image', '/image', isUsable);
    let image = await found(this.#known.images, look);
    if (image.status !== 'active') {
      // It may have been finished just now, by another controller.
      await this.#known.images.caughtUp();
      image = look();
    }
    if (image.status !== 'active') {
      throw fail('conflict', `image ${image.name} is ${image.status}: it cannot be launched yet`, {
        details: { field: '/image' },
      });
    }
    refuseMisfit(image, flavor, toBlame);
    return image;
  }

  async keyPair(name: string, caller: Caller): Promise<KeyPair> {
    return found(this.#known.keyPairs, () => {
      const keyPair = this.#known.keyPairs.get(keyPairKey(caller, name));
      if (!keyPair) throw missing('key pair', name, '/keyName');
      return keyPair;
    });
  }

  /**
   * That what the hints name is the caller's to name: where another project's instance is would show in where this one
   * comes to be.
   */
  async hints({ group, ...named }: SchedulerHints, caller: Caller): Promise<void> {
    const { serverGroups, instances } = this.#known;
    if (group !== undefined) {
      await found(serverGroups, () => {
        if (serverGroups.get(group)?.projectId !== caller.projectId)
          throw missing('server group', group, '/hints/group');
      });
    }
    await found(instances, () => {
      for (const [hint, uuids] of Object.entries(named)) {
        for (const [index, uuid] of uuids.entries()) {
          seenInstance(instances.get(uuid), caller, uuid, `/hints/${hint}/${index}`);
        }
      }
    });
  }

  /** One that a host is in; no zone is any. */
  async availabilityZone(name: string | undefined): Promise<void> {
    if (name !== undefined) await this.#known.zones.confirm(name);
  }

  /** The asked for, or the only one that there is for the project. */
  async networks(asked: CreateInstance['networks'], { projectId }: Caller): Promise<WantedNetwork[]> {
    if (asked) return Promise.all(asked.map((wanted, index) => this.#network(wanted, `/networks/${index}`, projectId)));
    const [network, ...others] = [...this.#known.networks.values()].filter(isUsableBy(projectId));
    if (!network) throw fail('not_found', 'the project has no network');
    if (others.length > 0) {
      throw fail('invalid_request', 'the project has several networks: field /networks must name those to use', {
        details: { field: '/networks' },
      });
    }
    return [{ network }];
  }

  async #network(
    { network: idOrName, fixedIp }: AskedNetwork,
    field: string,
    projectId: string,
  ): Promise<WantedNetwork> {
    const { networks, subnets } = this.#known;
    const network = await found(networks, () =>
      named(networks, idOrName, 'network', `${field}/network`, isUsableBy(projectId)),
    );
    if (fixedIp === undefined) return { network };
    await subnets.caughtUp();
    const ofNetwork = [...subnets.values()].filter(({ networkId }) => networkId === network.id);
    subnetOf(fixedIp, ofNetwork, network, `${field}/fixedIp`);
    return { network, fixedIp };
  }

  /** The asked for, or the default group, which is made when there is none. */
  async securityGroups(asked: string[] = [defaultSecurityGroup], { projectId }: Caller): Promise<string[]> {
    if (asked.includes(defaultSecurityGroup)) await ensureDefaultSecurityGroup(this.#known.securityGroups, projectId);
    const { view } = this.#known.securityGroups;
    const isThere = (name: string) => isNameable(view.get(securityGroupKey(projectId, name)));
    await found(view, () => refuseMissing(asked, isThere));
    return [...new Set(asked)];
  }

  /** Looks again, in the store itself: whoever deletes a group looks for instances that were admitted until then. */
  async confirmSecurityGroups(names: string[], { projectId }: Caller): Promise<void> {
    const { bucket } = this.#known.securityGroups;
    const made = names.filter((name) => name !== defaultSecurityGroup);
    const stored = await Promise.all(made.map((name) => bucket.get(securityGroupKey(projectId, name))));
    refuseMissing(names, (name) => isNameable(stored[made.indexOf(name)]?.value) || name === defaultSecurityGroup);
  }
}

function refuseMissing(names: string[], isThere: (name: string) => boolean): void {
  for (const [index, name] of names.entries()) {
    if (!isThere(name)) throw missing('security group', name, `/securityGroups/${index}`);
  }
}
