/** The cloud's images: bytes in the object store by their SHA-256, records in a bucket. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { type ObjectStore, Objm } from '@nats-io/obj';
import { fail } from '../../machines/failure.ts';
import type { Image } from '../../transport/messages/records.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { imageObjectStore } from '../../transport/nats/subjects.ts';
import type { ImageFile } from '../hypervisor/hypervisor.ts';
import { nameUuid } from '../runtime/name-uuid.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { ImageSource } from './guest-disks.ts';

export class ImageStore implements ImageSource {
  readonly #objects: ObjectStore;

  static async open({ jetstream }: Bus): Promise<ImageStore> {
    return new ImageStore(await new Objm(jetstream).create(imageObjectStore));
  }

  private constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  async open(sha256: string): Promise<ReadableStream<Uint8Array>> {
    const result = await this.#objects.get(sha256);
    if (!result) throw fail('image_unavailable', `there is no image file ${sha256} in the store`);
    return result.data;
  }

  /** Puts a local file into the store, unless it is there already. */
  async put(path: string): Promise<ImageFile> {
    const { size } = await stat(path);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path)) hash.update(chunk);
    const sha256 = hash.digest('hex');
    if (!(await this.#objects.info(sha256))) {
      const bytes = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
      await this.#objects.put({ name: sha256 }, bytes);
    }
    return { sha256, size };
  }
}

/** Local files to make an image of. */
export interface ImageFiles {
  name: string;
  disk?: string;
  diskFormat: Image['diskFormat'];
  kernel?: string;
  ramdisk?: string;
  kernelArguments?: string;
  minMemoryMb?: number;
}

/** Registers a public image. Registered again under its name, the image has the new files. */
export async function registerImage(runtime: Runtime, files: ImageFiles): Promise<Image> {
  const { bus, store, clock } = runtime;
  const [objects, bucket] = await Promise.all([ImageStore.open(bus), store.bucket('image')]);
  const [disk, kernel, ramdisk] = await Promise.all(
    [files.disk, files.kernel, files.ramdisk].map((path) => (path === undefined ? undefined : objects.put(path))),
  );
  const image: Image = {
    id: nameUuid('image', files.name),
    name: files.name,
    status: 'active',
    diskFormat: files.diskFormat,
    ...(disk && { disk }),
    ...(kernel && { kernel }),
    ...(ramdisk && { ramdisk }),
    ...(files.kernelArguments !== undefined && { kernelArguments: files.kernelArguments }),
    minDiskGb: 0,
    minMemoryMb: files.minMemoryMb ?? 0,
    properties: {},
    createdAt: clock.now(),
  };
  const known = (await bucket.get(image.id))?.value;
  if (known && isDeepStrictEqual({ ...known, createdAt: image.createdAt }, image)) return known;
  await bucket.put(image.id, image);
  return image;
}
