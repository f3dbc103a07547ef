/** What a request names (flavor, image, network, key pair, security groups), looked up; each miss names its field. */
import { fail } from '../../machines/failure.ts';
import type { CreateInstance } from '../../transport/messages/api/instance.ts';
import type { Flavor, Image, KeyPair, Network, SecurityGroup, ServerGroup } from '../../transport/messages/records.ts';
import { type Bucket, conflict } from '../../transport/nats/bucket.ts';
import type { Caller } from '../../transport/nats/call-context.ts';
import type { View } from '../../transport/nats/view.ts';
import { keyPairKey, securityGroupKey } from '../records/keys.ts';
import { found, isUsableBy, missing, named } from '../records/lookup.ts';
import type { Clock } from '../runtime/clock.ts';
import { nameUuid } from '../runtime/name-uuid.ts';
import type { Runtime } from '../runtime/runtime.ts';

export const defaultSecurityGroup = 'default';

export class Catalog {
  readonly #flavors: View<Flavor>;
  readonly #images: View<Image>;
  readonly #networks: View<Network>;
  readonly #keyPairs: View<KeyPair>;
  readonly #serverGroups: View<ServerGroup>;
  readonly #securityGroups: View<SecurityGroup>;
  readonly #securityGroupBucket: Bucket<SecurityGroup>;
  readonly #clock: Clock;

  static async open({ store, clock }: Runtime): Promise<Catalog> {
    return new Catalog(
      await store.view('flavor'),
      await store.view('image'),
      await store.view('network'),
      await store.view('keyPair'),
      await store.view('serverGroup'),
      await store.view('securityGroup'),
      await store.bucket('securityGroup'),
      clock,
    );
  }

  private constructor(
    flavors: View<Flavor>,
    images: View<Image>,
    networks: View<Network>,
    keyPairs: View<KeyPair>,
    serverGroups: View<ServerGroup>,
    securityGroups: View<SecurityGroup>,
    securityGroupBucket: Bucket<SecurityGroup>,
    clock: Clock,
  ) {
    this.#flavors = flavors;
    this.#images = images;
    this.#networks = networks;
    this.#keyPairs = keyPairs;
    this.#serverGroups = serverGroups;
    this.#securityGroups = securityGroups;
    this.#securityGroupBucket = securityGroupBucket;
    this.#clock = clock;
  }

  async flavor(idOrName: string): Promise<Flavor> {
    return found(this.#flavors, () => named(this.#flavors, idOrName, 'flavor', '/flavor'));
  }

  /** An image that the project may use, and that fits the flavor. */
  async image(idOrName: string, { projectId }: Caller, flavor: Flavor): Promise<Image> {
    const image = await found(this.#images, () =>
      named(this.#images, idOrName, 'image', '/image', isUsableBy(projectId)),
    );
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

  /** Makes the project's default group when there is none: Nova's ensure_default_security_group. */
  async securityGroups(asked: string[] | undefined, { projectId }: Caller): Promise<string[]> {
    const names = [...new Set(asked ?? [defaultSecurityGroup])];
    for (const [index, name] of names.entries()) {
      const key = securityGroupKey(projectId, name);
      if (this.#securityGroups.get(key)) continue;
      if (name !== defaultSecurityGroup) throw missing('security group', name, `/securityGroups/${index}`);
      const revision = await this.#securityGroupBucket.create(key, {
        id: nameUuid('security-group', projectId, name),
        name,
        projectId,
        description: 'The group of an instance that names none: its members may reach each other, and everything else.',
        rules: [
          { id: nameUuid('security-group-rule', projectId, name, 'ingress'), direction: 'ingress', group: name },
          { id: nameUuid('security-group-rule', projectId, name, 'egress'), direction: 'egress' },
        ],
        createdAt: this.#clock.now(),
      });
      if (revision !== conflict) await this.#securityGroups.reached(revision);
    }
    return names;
  }
}
