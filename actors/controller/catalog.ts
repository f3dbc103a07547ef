/** What a request names (flavor, image, zone, network, key pair, security groups), looked up; each miss names its field. */
import { fail } from '../../machines/failure.ts';
import type { CreateInstance } from '../../transport/messages/api/instance.ts';
import type { Flavor, Image, KeyPair, Network, ServerGroup } from '../../transport/messages/records.ts';
import type { Caller } from '../../transport/nats/call-context.ts';
import type { View } from '../../transport/nats/view.ts';
import { keyPairKey, securityGroupKey } from '../records/keys.ts';
import { found, isUsableBy, missing, named } from '../records/lookup.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { defaultSecurityGroup, ensureDefaultSecurityGroup, type SecurityGroups } from './default-security-group.ts';
import { Zones } from './zones.ts';

export class Catalog {
  readonly #flavors: View<Flavor>;
  readonly #images: View<Image>;
  readonly #networks: View<Network>;
  readonly #keyPairs: View<KeyPair>;
  readonly #serverGroups: View<ServerGroup>;
  readonly #securityGroups: SecurityGroups;
  readonly #zones: Zones;

  static async open({ store, clock }: Runtime): Promise<Catalog> {
    return new Catalog(
      await store.view('flavor'),
      await store.view('image'),
      await store.view('network'),
      await store.view('keyPair'),
      await store.view('serverGroup'),
      { bucket: await store.bucket('securityGroup'), view: await store.view('securityGroup'), clock },
      await Zones.open(store),
    );
  }

  private constructor(
    flavors: View<Flavor>,
    images: View<Image>,
    networks: View<Network>,
    keyPairs: View<KeyPair>,
    serverGroups: View<ServerGroup>,
    securityGroups: SecurityGroups,
    zones: Zones,
  ) {
    this.#flavors = flavors;
    this.#images = images;
    this.#networks = networks;
    this.#keyPairs = keyPairs;
    this.#serverGroups = serverGroups;
    this.#securityGroups = securityGroups;
    this.#zones = zones;
  }

  async flavor(idOrName: string): Promise<Flavor> {
    return found(this.#flavors, () => named(this.#flavors, idOrName, 'flavor', '/flavor'));
  }

  /** An image that the project may use, and that fits the flavor. */
  async image(idOrName: string, { projectId }: Caller, flavor: Flavor): Promise<Image> {
    const isUsable = (image: Image) => image.deletion === undefined && isUsableBy(projectId)(image);
    const look = () => named(this.#images, idOrName, 'image', '/image', isUsable);
    let image = await found(this.#images, look);
    if (image.status !== 'active') {
      // It may have been finished just now, by another controller.
      await this.#images.caughtUp();
      image = look();
    }
    if (image.status !== 'active') {
      throw fail('conflict', `image ${image.name} is ${image.status}: it cannot be launched yet`, {
        details: { field: '/image' },
      });
    }
    if (flavor.memoryMb < image.minMemoryMb) {
      throw fail('invalid_request', `flavor ${flavor.name} has less memory than image ${image.name} needs`, {
        details: { field: '/flavor', needed: image.minMemoryMb, given: flavor.memoryMb },
      });
    }
    return image;
  }

  async keyPair(name: string, caller: Caller): Promise<KeyPair> {
    return found(this.#keyPairs, () => {
      const keyPair = this.#keyPairs.get(keyPairKey(caller, name));
      if (!keyPair) throw missing('key pair', name, '/keyName');
      return keyPair;
    });
  }

  /** A group of the project that the hints name. */
  async serverGroup(id: string, { projectId }: Caller): Promise<ServerGroup> {
    return found(this.#serverGroups, () => {
      const group = this.#serverGroups.get(id);
      if (group?.projectId !== projectId) throw missing('server group', id, '/hints/group');
      return group;
    });
  }

  /** One that a host is in; no zone is any. */
  async availabilityZone(name: string | undefined): Promise<void> {
    if (name !== undefined) await this.#zones.confirm(name);
  }

  /** The asked for, or the only one that there is for the project. */
  networks(asked: CreateInstance['networks'], { projectId }: Caller): { network: Network; fixedIp?: string }[] {
    if (asked) {
      return asked.map(({ network, fixedIp }, index) => ({
        network: named(this.#networks, network, 'network', `/networks/${index}/network`, isUsableBy(projectId)),
        ...(fixedIp !== undefined && { fixedIp }),
      }));
    }
    const [network, ...others] = [...this.#networks.values()].filter(isUsableBy(projectId));
    if (!network) throw fail('not_found', 'the project has no network');
    if (others.length > 0) {
      throw fail('invalid_request', 'the project has several networks: field /networks must name those to use', {
        details: { field: '/networks' },
      });
    }
    return [{ network }];
  }

  /** The asked for, or the default group, which is made when there is none. */
  async securityGroups(asked: string[] = [defaultSecurityGroup], { projectId }: Caller): Promise<string[]> {
    if (asked.includes(defaultSecurityGroup)) await ensureDefaultSecurityGroup(this.#securityGroups, projectId);
    const { view } = this.#securityGroups;
    const isThere = (name: string) => view.get(securityGroupKey(projectId, name)) !== undefined;
    await found(view, () => refuseMissing(asked, isThere));
    return [...new Set(asked)];
  }

  /** Looks again, in the store itself: whoever deletes a group looks for instances that were admitted until then. */
  async confirmSecurityGroups(names: string[], { projectId }: Caller): Promise<void> {
    const { bucket } = this.#securityGroups;
    const made = names.filter((name) => name !== defaultSecurityGroup);
    const stored = await Promise.all(made.map((name) => bucket.get(securityGroupKey(projectId, name))));
    refuseMissing(names, (name) => stored[made.indexOf(name)] !== undefined || name === defaultSecurityGroup);
  }
}

function refuseMissing(names: string[], isThere: (name: string) => boolean): void {
  for (const [index, name] of names.entries()) {
    if (!isThere(name)) throw missing('security group', name, `/securityGroups/${index}`);
  }
}
