/** The cloud's images: bytes in the object store by their SHA-256, records in a bucket. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import type { JetStreamManager } from '@nats-io/jetstream';
import { type ObjectStore, Objm, setSha256Backend } from '@nats-io/obj';
import { FailureError, fail, toFailure } from '../../machines/failure.ts';
import type { Image } from '../../transport/messages/records.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { adjustStream, replication } from '../../transport/nats/ensure-stream.ts';
import { answered } from '../../transport/nats/store-answer.ts';
import { imageObjects } from '../../transport/nats/subjects.ts';
import type { ImageFile } from '../hypervisor/hypervisor.ts';
import { nameUuid } from '../runtime/name-uuid.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { ImageSource } from './guest-disks.ts';

export class ImageStore implements ImageSource {
  readonly #objects: ObjectStore;
  readonly #manager: JetStreamManager;

  static async open({ nats }: Bus): Promise<ImageStore> {
    const { jetstream, manager, store } = nats;
    // Unless told otherwise, the library hashes in JavaScript, as it must in browsers.
    setSha256Backend('native');
    await adjustStream(nats, imageObjects.stream, replication(store));
    const { replicas = 1 } = store;
    return new ImageStore(await new Objm(jetstream).create(imageObjects.store, { replicas }), manager);
  }

  private constructor(objects: ObjectStore, manager: JetStreamManager) {
    this.#objects = objects;
    this.#manager = manager;
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
    const file = { sha256: hash.digest('hex'), size };
    if ((await this.sizeOf(file.sha256)) === undefined) await this.write(file, createReadStream(path));
    return file;
  }

  /** How large the file is, if it is there. */
  async sizeOf(sha256: string): Promise<number | undefined> {
    const info = await answered(this.#objects.info(sha256));
    return info && !info.deleted ? info.size : undefined;
  }

  /**
   * Keeps the bytes as the file that they are said to be. Rejects with `invalid_request` when they are something else,
   * also when the file is there already: whoever brings a file shows that it is theirs. Of those who write the same file
   * at once, one does.
   */
  async write(file: ImageFile, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    let isWhole = false;
    async function* verified() {
      yield* verify(file, bytes);
      isWhole = true;
    }
    const known = await answered(this.#objects.info(file.sha256));
    if (known && !known.deleted) {
      for await (const _ of verified());
      return;
    }
    const stream = Readable.toWeb(Readable.from(verified())) as ReadableStream<Uint8Array>;
    try {
      await this.#objects.put({ name: file.sha256 }, stream, { previousRevision: known?.revision ?? 0 });
    } catch (error) {
      if (error instanceof FailureError) throw error;
      if (isWhole && (await this.sizeOf(file.sha256)) !== undefined) return;
      throw fail('unavailable', `image file ${file.sha256} could not be stored`, {
        disposition: 'retry',
        cause: toFailure(error),
      });
    }
  }

  /** Idempotent. */
  async remove(sha256: string): Promise<void> {
    await answered(this.#objects.delete(sha256));
  }

  /** Removes what was written by those who died before they gave it a name: nobody has added to it since `before`. */
  async removeUnnamed(before: number): Promise<void> {
    const { stream } = imageObjects;
    const names = new Set((await answered(this.#objects.list())).map(({ nuid }) => imageObjects.bytes(nuid)));
    const { state } = await answered(this.#manager.streams.info(stream, { subjects_filter: imageObjects.bytes() }));
    for (const subject of Object.keys(state.subjects ?? {})) {
      if (names.has(subject)) continue;
      const latest = await answered(this.#manager.streams.getMessage(stream, { last_by_subj: subject }));
      if (latest && latest.time.getTime() < before) {
        await answered(this.#manager.streams.purge(stream, { filter: subject }));
      }
    }
  }
}

/** The same bytes; ends with a failure, and so before they count, when they are not the file. */
async function* verify({ sha256, size }: ImageFile, bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256');
  let length = 0;
  for await (const chunk of bytes) {
    hash.update(chunk);
    length += chunk.length;
    yield chunk;
  }
  if (length !== size || hash.digest('hex') !== sha256) throw mismatch({ sha256, size });
}

function mismatch({ sha256, size }: ImageFile): FailureError {
  return fail('invalid_request', `what came is not the file of ${size} bytes with the SHA-256 ${sha256}`);
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

/**
 * Registers a public image. Registered again under its name with other files, the image has those; with the same, it
 * stays.
 */
export async function registerImage(runtime: Runtime, files: ImageFiles): Promise<Image> {
  const { bus, store, clock } = runtime;
  const [objects, bucket] = await Promise.all([ImageStore.open(bus), store.bucket('image')]);
  const [disk, kernel, ramdisk] = await Promise.all(
    [files.disk, files.kernel, files.ramdisk].map((path) => (path === undefined ? undefined : objects.put(path))),
  );
  const image: Image = {
    id: registeredId(files.name),
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
  if (known && !known.deletion && isDeepStrictEqual(bootOf(known), bootOf(image))) return known;
  await bucket.put(image.id, image);
  return image;
}

/** The id of an image that is registered under the name. */
export function registeredId(name: string): string {
  return nameUuid('image', name);
}

/** What a guest boots from. All else of an image is the administrator's, who may have changed it since. */
function bootOf({ diskFormat, disk, kernel, ramdisk, kernelArguments }: Image) {
  return { diskFormat, disk, kernel, ramdisk, kernelArguments };
}
