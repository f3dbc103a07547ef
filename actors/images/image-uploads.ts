/** Files of images on their way into the store: brought by clients in chunks, then put together and checked. */
import { fail } from '../../machines/failure.ts';
import { maxChunkBytes } from '../../transport/messages/api/image.ts';
import type { imageFileRoles } from '../../transport/messages/records.ts';
import { ImageChunks } from '../../transport/nats/image-chunks.ts';
import type { ImageFile } from '../hypervisor/hypervisor.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { ImageStore } from './image-store.ts';

export type FileRole = (typeof imageFileRoles)[number];

/** A file that an image has announced. */
export interface Announced extends ImageFile {
  image: string;
  role: FileRole;
}

export class ImageUploads {
  readonly #chunks: ImageChunks;
  readonly #files: ImageStore;

  static async open({ bus }: Runtime): Promise<ImageUploads> {
    return new ImageUploads(await ImageChunks.open(bus), await ImageStore.open(bus));
  }

  private constructor(chunks: ImageChunks, files: ImageStore) {
    this.#chunks = chunks;
    this.#files = files;
  }

  /** Keeps a chunk; again, in its place. Rejects with `invalid_request` when it does not fit into the file there. */
  async take({ image, role, size }: Announced, offset: number, data: Buffer): Promise<void> {
    if (offset >= size || offset % maxChunkBytes !== 0) {
      throw fail('invalid_request', `field /offset must be a multiple of ${maxChunkBytes} below ${size}`, {
        details: { field: '/offset', chunkBytes: maxChunkBytes, size },
      });
    }
    const expected = Math.min(maxChunkBytes, size - offset);
    if (data.length !== expected) {
      throw fail('invalid_request', `field /data must be ${expected} bytes at this offset, not ${data.length}`, {
        details: { field: '/data', expected, given: data.length },
      });
    }
    await this.#chunks.put(image, role, offset, data);
  }

  /** Rejects with `conflict` when a chunk is missing. */
  async check(file: Announced): Promise<void> {
    const present = await this.#chunks.offsets(file.image, file.role);
    for (const offset of offsetsOf(file)) if (!present.has(offset)) throw gap(file, offset);
  }

  /** Puts the file together in the store. Rejects with `conflict` when a chunk is missing, else as `ImageStore.write`. */
  async keep(file: Announced): Promise<void> {
    await this.#files.write(file, this.#bytes(file));
  }

  /** Forgets the chunks of a file, or of all files of the image. */
  forget(image: string, role?: FileRole): Promise<void> {
    return this.#chunks.remove(image, role);
  }

  async *#bytes(file: Announced): AsyncIterable<Uint8Array> {
    for (const offset of offsetsOf(file)) {
      const chunk = await this.#chunks.get(file.image, file.role, offset);
      if (!chunk) throw gap(file, offset);
      yield chunk;
    }
  }
}

function* offsetsOf({ size }: Announced): Iterable<number> {
  for (let offset = 0; offset < size; offset += maxChunkBytes) yield offset;
}

function gap({ role }: Announced, offset: number) {
  return fail('conflict', `the chunk of the ${role} at ${offset} is yet to be uploaded`, {
    details: { field: '/image', file: role, offset },
  });
}
