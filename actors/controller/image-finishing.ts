/**
 * Makes an image fit to launch: puts its files together and checks them. Nothing of it is remembered but what is stored,
 * so that whoever is asked again goes on where a controller that died has left it, and two at once do no harm.
 */
import { fail, toFailure } from '../../machines/failure.ts';
import type { Image } from '../../transport/messages/records.ts';
import type { Bucket, Entry } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';
import type { Announced, ImageUploads } from '../images/image-uploads.ts';
import { missing } from '../records/lookup.ts';
import type { Logger } from '../runtime/logger.ts';
import { changeRecord } from './change-record.ts';
import type { ImageRemoval } from './image-removal.ts';

interface FinishingWorld {
  readonly images: Bucket<Image>;
  readonly view: View<Image>;
  readonly uploads: ImageUploads;
  readonly removal: ImageRemoval;
  readonly logger: Logger;
}

export class ImageFinishing {
  readonly #world: FinishingWorld;
  readonly #underway = new Map<string, Promise<Entry<Image>>>();

  constructor(world: FinishingWorld) {
    this.#world = world;
  }

  /**
   * The image, active. Rejects with `conflict` while a chunk is missing, and with `invalid_request` when a file is not
   * what was announced: its chunks are then gone. Idempotent by the image's id.
   */
  finish(id: string): Promise<Entry<Image>> {
    const known = this.#underway.get(id);
    if (known) return known;
    const work = this.#finish(id).finally(() => this.#underway.delete(id));
    this.#underway.set(id, work);
    // Whoever asked may have been told to ask again, and does not hear of it.
    work.catch((error) =>
      this.#world.logger.info({ image: id, failure: toFailure(error) }, 'an image is not finished'),
    );
    return work;
  }

  async #finish(id: string): Promise<Entry<Image>> {
    const { images, uploads, removal } = this.#world;
    const entry = await this.#change(id, (image) => image);
    try {
      const finished = await this.#save(entry);
      await uploads.forget(id);
      return finished;
    } catch (error) {
      const latest = await images.get(id);
      // Another controller may have finished it, and removed the chunks.
      if (latest?.value.status === 'active' && !latest.value.deletion) return latest;
      // Deleted in between: nobody else knows of the files that are there now.
      if (!latest || latest.value.deletion) await removal.discard(entry.value);
      throw error;
    }
  }

  async #save({ key, value, revision }: Entry<Image>): Promise<Entry<Image>> {
    const { uploads, view } = this.#world;
    const files = announcedBy(value);
    await view.reached(revision);
    for (const file of files) await uploads.check(file);
    await this.#change(key, (image) => (image.status === 'queued' ? { ...image, status: 'saving' } : image));
    for (const file of files) await this.#keep(file);
    return this.#change(key, active);
  }

  async #keep(file: Announced): Promise<void> {
    const { uploads, removal } = this.#world;
    const { image, role, sha256 } = file;
    if (removal.isRemoving(sha256)) {
      throw fail('conflict', `the ${role} is just being removed with another image: ask again`, {
        disposition: 'retry',
        details: { field: '/image', file: role },
      });
    }
    try {
      await uploads.keep(file);
    } catch (error) {
      const { code, message } = toFailure(error);
      if (code !== 'invalid_request') throw error;
      await uploads.forget(image, role);
      await this.#change(image, (record) => (record.status === 'saving' ? { ...record, status: 'queued' } : record));
      throw fail(code, `the ${role} is to be uploaded anew: ${message}`, { details: { field: '/image', file: role } });
    }
  }

  /** Rejects with `not_found` when the image is deleted. */
  async #change(id: string, change: (image: Image) => Image): Promise<Entry<Image>> {
    const absent = () => missing('image', id, '/image');
    const changed = await changeRecord(this.#world.images, id, (image) => {
      if (image.deletion) throw absent();
      return change(image);
    });
    if (!changed) throw absent();
    return changed;
  }
}

function active(image: Image): Image {
  if (image.status === 'active') return image;
  const { missing: _, ...rest } = image;
  return { ...rest, status: 'active' };
}

/** What is yet to be stored. */
function announcedBy({ id, missing: roles = [], ...image }: Image): Announced[] {
  return roles.flatMap((role) => {
    const file = image[role];
    return file ? [{ image: id, role, ...file }] : [];
  });
}
