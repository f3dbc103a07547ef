/** Brings together what the hypervisor needs to know of an instance: record, payload, image and ports. */
import { fail } from '../../machines/failure.ts';
import { networkCalls } from '../../transport/messages/internal.ts';
import type { Image, Instance, InstancePayload } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { call } from '../../transport/nats/call.ts';
import type { CallContext } from '../../transport/nats/call-context.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import type { View } from '../../transport/nats/view.ts';
import type { GuestPort, GuestSpec } from '../hypervisor/hypervisor.ts';
import { attemptOf } from '../instance/stored-chart.ts';

/** A port as the network controller describes it to a host. */
export type AllocatedPort = GuestPort & { networkId: string };

export class GuestSpecs {
  readonly #bus: Bus;
  readonly #images: View<Image>;
  readonly #payloads: Bucket<InstancePayload>;
  readonly #host: string;
  readonly #availabilityZone: string;
  /** Of launches under way; after a restart they are asked for again. */
  readonly #ports = new Map<string, AllocatedPort[]>();
  readonly #specs = new Map<string, GuestSpec>();

  constructor(
    bus: Bus,
    images: View<Image>,
    payloads: Bucket<InstancePayload>,
    { name, availabilityZone }: { name: string; availabilityZone: string },
  ) {
    this.#bus = bus;
    this.#images = images;
    this.#payloads = payloads;
    this.#host = name;
    this.#availabilityZone = availabilityZone;
  }

  async image({ imageId }: Instance): Promise<Image> {
    const image = await this.#findImage(imageId);
    if (!image) throw fail('image_unavailable', `image ${imageId} is not there any more`);
    return image;
  }

  /** Whoever makes disks needs all that was asked for: a guest without its password is not that. */
  async confirmPayload(record: Instance): Promise<void> {
    if (record.payload !== undefined && !(await this.#findPayload(record))) {
      throw fail('internal', `what was to be put on instance ${record.uuid} is gone`);
    }
  }

  /** Nova's allocate_for_instance. Idempotent: the same ports again for the same instance. */
  async allocatePorts(record: Instance, context: CallContext): Promise<AllocatedPort[]> {
    const known = this.#ports.get(record.uuid);
    if (known) return known;
    const kind = networkCalls.allocateForInstance;
    const { uuid, projectId, securityGroups, networks } = record;
    const body = {
      instanceUuid: uuid,
      attempt: attemptOf(record),
      projectId,
      host: this.#host,
      securityGroups,
      networks,
    };
    const { ports } = await call(this.#bus, subjects.networkCall(kind.name), kind, body, context);
    this.#ports.set(uuid, ports);
    return ports;
  }

  async of(record: Instance, context: CallContext): Promise<GuestSpec> {
    const known = this.#specs.get(record.uuid);
    if (known) return known;
    const [ports, payload] = await Promise.all([this.allocatePorts(record, context), this.#findPayload(record)]);
    const { uuid, projectId, userId, name, flavor, hostname, metadata, keyName, publicKey } = record;
    const spec: GuestSpec = {
      uuid,
      domainName: `instance-${uuid.slice(0, 8)}`,
      displayName: name,
      projectId,
      userId,
      flavor,
      // A guest that has its disks starts without its image and payload too; who makes disks asks for them before.
      image: (await this.#findImage(record.imageId)) ?? { id: record.imageId, name: '', diskFormat: 'none' },
      ports,
      configDrive: {
        hostname,
        availabilityZone: this.#availabilityZone,
        metadata,
        publicKeys: keyName && publicKey ? [{ name: keyName, publicKey }] : [],
        files: [],
        ...payload,
      },
    };
    this.#specs.set(uuid, spec);
    return spec;
  }

  async #findPayload({ payload }: Instance): Promise<InstancePayload | undefined> {
    return payload === undefined ? undefined : (await this.#payloads.get(payload))?.value;
  }

  /** Also one that was made just now, and that the view has yet to see. */
  async #findImage(imageId: string): Promise<Image | undefined> {
    if (!this.#images.get(imageId)) await this.#images.caughtUp();
    return this.#images.get(imageId);
  }

  /** Drops what is only needed while a launch is under way; it holds secrets. */
  forget(uuid: string): void {
    this.#ports.delete(uuid);
    this.#specs.delete(uuid);
  }
}
