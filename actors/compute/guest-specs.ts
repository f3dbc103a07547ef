/**
 * Brings together what the hypervisor needs to know of an instance: record, image and ports, and what a client asked to
 * be put on it.
 */
import { fail } from '../../machines/failure.ts';
import type { CallContext } from '../../transport/messages/call-context.ts';
import { controllerCalls, networkCalls } from '../../transport/messages/internal.ts';
import type { Image, Instance, InstancePayload } from '../../transport/messages/records.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { call } from '../../transport/nats/call.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import type { View } from '../../transport/nats/view.ts';
import type { GuestPort, GuestSpec } from '../hypervisor/hypervisor.ts';
import { attemptOf } from '../instance/stored-chart.ts';

/** Of a guest that has its disks and its domain nobody needs to know what it was made from. */
export type ImagelessSpec = Omit<GuestSpec, 'image'>;

/** A port as the network controller describes it to a host. */
export type AllocatedPort = GuestPort & { networkId: string };

export class GuestSpecs {
  readonly #bus: Bus;
  readonly #images: View<Image>;
  readonly #host: string;
  readonly #availabilityZone: string;
  /** Of launches under way; after a restart they are asked for again. */
  readonly #ports = new Map<string, AllocatedPort[]>();
  readonly #known = new Map<string, ImagelessSpec>();

  constructor(bus: Bus, images: View<Image>, { name, availabilityZone }: { name: string; availabilityZone: string }) {
    this.#bus = bus;
    this.#images = images;
    this.#host = name;
    this.#availabilityZone = availabilityZone;
  }

  /** Also one that was made just now, and that the view has yet to see. */
  async image({ imageId }: Instance): Promise<Image> {
    if (!this.#images.get(imageId)) await this.#images.caughtUp();
    const image = this.#images.get(imageId);
    if (!image) throw fail('image_unavailable', `image ${imageId} is not there any more`);
    return image;
  }

  /** Nova's allocate_for_instance. Idempotent: the same ports again for the same instance. */
  async allocatePorts(record: Instance, context: CallContext): Promise<AllocatedPort[]> {
    const known = this.#ports.get(record.uuid);
    if (known) return known;
    const kind = networkCalls.allocateForInstance;
    const { uuid } = record;
    const body = { instanceUuid: uuid, attempt: attemptOf(record) };
    const subject = subjects.hostCall('network', this.#host, kind.name);
    const { ports } = await call(this.#bus, subject, kind, body, context);
    this.#ports.set(uuid, ports);
    return ports;
  }

  /** What is needed to make its disks: all that was asked for. A guest without its password is not that. */
  async ofDisks(record: Instance, context: CallContext): Promise<GuestSpec> {
    const [spec, payload] = await Promise.all([this.ofDomain(record, context), this.#askPayload(record, context)]);
    return { ...spec, configDrive: { ...spec.configDrive, ...payload } };
  }

  /** What is needed to make its domain, which would have no disk without its image. */
  async ofDomain(record: Instance, context: CallContext): Promise<GuestSpec> {
    const [spec, image] = await Promise.all([this.of(record, context), this.image(record)]);
    return { ...spec, image };
  }

  /** What else there is to do needs no more: a guest that has its domain starts without its image and payload too. */
  async of(record: Instance, context: CallContext): Promise<ImagelessSpec> {
    const known = this.#known.get(record.uuid);
    if (known) return known;
    const ports = await this.allocatePorts(record, context);
    const { uuid, projectId, userId, name, flavor, hostname, metadata, keyName, publicKey } = record;
    const spec: ImagelessSpec = {
      uuid,
      domainName: `instance-${uuid.slice(0, 8)}`,
      displayName: name,
      projectId,
      userId,
      flavor,
      ports,
      configDrive: {
        hostname,
        availabilityZone: this.#availabilityZone,
        metadata,
        publicKeys: keyName && publicKey ? [{ name: keyName, publicKey }] : [],
        files: [],
      },
    };
    this.#known.set(uuid, spec);
    return spec;
  }

  async #askPayload({ uuid, payload: key }: Instance, context: CallContext): Promise<InstancePayload> {
    if (key === undefined) return {};
    const kind = controllerCalls.findPayload;
    const subject = subjects.hostCall('controller', this.#host, kind.name);
    const { payload } = await call(this.#bus, subject, kind, { payload: key }, context);
    if (!payload) throw fail('internal', `what was to be put on instance ${uuid} is gone`);
    return payload;
  }

  /** Drops what is only needed while a launch is under way. */
  forget(uuid: string): void {
    this.#ports.delete(uuid);
    this.#known.delete(uuid);
  }
}
