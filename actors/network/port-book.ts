/** The ports: where an instance is plugged into a network. A port's id follows from its instance and its place there. */
import { fail } from '../../machines/failure.ts';
import type { Port } from '../../transport/messages/records.ts';
import type { Bucket, Entry } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';
import { nameUuid } from '../runtime/name-uuid.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { TrackedBucket } from './tracked-bucket.ts';
import { ViewIndex } from './view-index.ts';

export function portIdOf(instanceUuid: string, index: number): string {
  return nameUuid('port', instanceUuid, String(index));
}

/** The attempt of the instance that has a port, or the lease of its address. */
export function attemptHolding({ attempt = 1 }: Pick<Port, 'attempt'>): number {
  return attempt;
}

export function hasAddress({ fixedIps }: Port, lease: Port['fixedIps'][number]): boolean {
  return fixedIps.some(({ subnetId, address }) => subnetId === lease.subnetId && address === lease.address);
}

export class PortBook extends TrackedBucket<Port> {
  readonly #byInstance: ViewIndex<Port>;
  readonly #byMac: ViewIndex<Port>;
  /** MAC → the port that this process is making with it. */
  readonly #macsInHand = new Map<string, string>();

  static async open({ store }: Runtime): Promise<PortBook> {
    const [bucket, view] = await Promise.all([store.bucket('port'), store.view('port')]);
    return new PortBook(bucket, view);
  }

  private constructor(bucket: Bucket<Port>, view: View<Port>) {
    super(bucket, view);
    this.#byInstance = new ViewIndex(view, ({ instanceUuid }) => instanceUuid);
    this.#byMac = new ViewIndex(view, ({ mac }) => mac);
  }

  ofInstance(instanceUuid: string): Entry<Port>[] {
    return this.#byInstance.entries(instanceUuid);
  }

  /** Keeps the MAC for the port until the returned function is called. Throws `address_in_use` when another has it. */
  reserveMac(mac: string, portId: string): () => void {
    const inHand = this.#macsInHand.get(mac);
    const holder = inHand ?? [...this.#byMac.keys(mac)].find((other) => other !== portId);
    if (holder !== undefined && holder !== portId) {
      throw fail('address_in_use', `the MAC address ${mac} is that of another port`, { details: { mac } });
    }
    // The same port twice: a repeated call, and the first one's to let go.
    if (inHand !== undefined) return () => undefined;
    this.#macsInHand.set(mac, portId);
    return () => this.#macsInHand.delete(mac);
  }

  override close(): void {
    super.close();
    this.#byInstance.close();
    this.#byMac.close();
  }
}
