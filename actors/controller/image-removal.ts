/**
 * Removes images with their files. A deleted image is first only hidden: it stays while a live instance needs it. Then
 * its record says that its files are being removed, and goes last. That order decides between who removes a file and
 * who announces another image of it: one of the two sees the other's record.
 */

import type { Chance } from '../../transport/clock.ts';
import type { Image, Instance } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';
import { ImageStore } from '../images/image-store.ts';
import { ImageUploads } from '../images/image-uploads.ts';
import { filesOf } from '../records/image-view.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { changeRecord } from './change-record.ts';

interface RemovalWorld {
  readonly images: Bucket<Image>;
  readonly view: View<Image>;
  readonly instances: View<Instance>;
  readonly files: ImageStore;
  readonly uploads: ImageUploads;
  readonly chance: Chance;
  readonly logger: Logger;
}

export class ImageRemoval {
  readonly #world: RemovalWorld;

  static async open(runtime: Runtime): Promise<ImageRemoval> {
    const { store, bus, chance, logger } = runtime;
    const [images, view, instances, files, uploads] = await Promise.all([
      store.bucket('image'),
      store.view('image'),
      store.view('instance'),
      ImageStore.open(bus),
      ImageUploads.open(runtime),
    ]);
    return new ImageRemoval({ images, view, instances, files, uploads, chance, logger });
  }

  private constructor(world: RemovalWorld) {
    this.#world = world;
  }

  /** Whether a file is on its way out: it may still be there, and does not count. */
  isRemoving(sha256: string): boolean {
    return this.#isFileOf(sha256, ({ deletion }) => deletion === 'underway');
  }

  /** The revision from which nobody finds the image any more; nothing when nobody does already. */
  async remove(id: string): Promise<number | undefined> {
    const marked = await changeRecord(
      this.#world.images,
      id,
      (image): Image => (image.deletion ? image : { ...image, deletion: 'asked' }),
    );
    if (!marked || marked.before.deletion) return undefined;
    await this.clear(id).catch((error) =>
      this.#world.logger.warn({ image: id, error }, 'a deleted image is still there; the next sweep tries again'),
    );
    return marked.revision;
  }

  /** Removes files that were stored for an image that is there no longer. */
  async discard(image: Image): Promise<void> {
    const id = this.#world.chance.uuid();
    await this.#world.images.create(id, { ...image, id, deletion: 'asked' });
    await this.clear(id);
  }

  /**
   * Removes what a deleted image has left, unless a live instance needs it. Of several processes one does it;
   * `isAbandoned` says that this one has died.
   */
  async clear(id: string, { isAbandoned = false } = {}): Promise<void> {
    const { images, instances, view, files, uploads } = this.#world;
    // Another controller may just have recorded an instance of it.
    await instances.caughtUp();
    if (this.#isInUse(id)) return;
    const marked = await changeRecord(
      images,
      id,
      (image): Image => (image.deletion === 'asked' ? { ...image, deletion: 'underway' } : image),
    );
    if (marked?.value.deletion !== 'underway' || (marked.before.deletion === 'underway' && !isAbandoned)) return;
    await view.reached(marked.revision);
    await uploads.forget(id);
    for (const { sha256 } of filesOf(marked.value)) {
      const isNeeded = this.#isFileOf(sha256, (other) => other.id !== id && other.deletion !== 'underway');
      if (!isNeeded) await files.remove(sha256);
    }
    await images.remove(id, marked.revision);
  }

  #isInUse(id: string): boolean {
    for (const { imageId, vmState } of this.#world.instances.values()) {
      if (imageId === id && vmState !== 'deleted') return true;
    }
    return false;
  }

  #isFileOf(sha256: string, isMeant: (image: Image) => boolean): boolean {
    for (const image of this.#world.view.values()) {
      if (isMeant(image) && filesOf(image).some((file) => file.sha256 === sha256)) return true;
    }
    return false;
  }
}
