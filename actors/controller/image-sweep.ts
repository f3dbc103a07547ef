/**
 * Removes what nobody comes back for: images whose upload has stopped, chunks of images that are gone, files that were
 * half written, and deleted images that the last instance has let go. Every controller does it: to remove what is gone
 * is to do nothing.
 */
import { ImageChunks } from '../../transport/nats/image-chunks.ts';
import { ImageStore } from '../images/image-store.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { SeenBefore } from '../runtime/seen-before.ts';
import { sweep } from '../runtime/sweep.ts';
import { onDeleted } from './deletions.ts';
import { ImageRemoval } from './image-removal.ts';

const sweepEveryMs = 600_000;
/** How long an upload may rest (ms): an hour more or less, by which clocks may differ, is nothing to it. */
const restMs = 24 * 3600 * 1000;

/** Looks through all images now and then, and when an instance is deleted; returns the function that ends it. */
export async function startImageSweep(runtime: Runtime): Promise<() => void> {
  const { store, bus, clock, logger } = runtime;
  const [images, bucket, instances, chunks, files, removal] = await Promise.all([
    store.view('image'),
    store.bucket('image'),
    store.view('instance'),
    ImageChunks.open(bus),
    ImageStore.open(bus),
    ImageRemoval.open(runtime),
  ]);

  /** For how long nobody has written to it: to its record, or a chunk of it (ms). */
  async function restedMs(id: string): Promise<number> {
    const written = (await bucket.writtenAt(id)) ?? 0;
    return clock.now() - Math.max(written, (await chunks.touchedAt(id)) ?? 0);
  }

  const underway = new SeenBefore();
  async function sweepImages(): Promise<void> {
    const wasUnderway = underway.look();
    for (const { id, status, deletion } of images.values()) {
      if (deletion === 'asked') await removal.clear(id);
      else if (deletion === 'underway') {
        // Between two sweeps is more time than a controller needs that lives.
        if (wasUnderway(id)) await removal.clear(id, { isAbandoned: true });
      } else if (status !== 'active' && (await restedMs(id)) > restMs) await removal.remove(id);
    }
  }

  async function sweepChunks(): Promise<void> {
    for (const id of await chunks.images()) {
      const isAwaited = (images.get(id)?.missing ?? []).length > 0;
      if (!isAwaited && (await restedMs(id)) > restMs) await chunks.remove(id);
    }
  }

  const stopSweep = sweep(runtime, 'images', sweepEveryMs, async () => {
    await sweepImages();
    await sweepChunks();
    await files.removeUnnamed(clock.now() - restMs);
  });
  const stopListening = onDeleted(clock, instances, ({ imageId }) => {
    if (!images.get(imageId)?.deletion) return;
    removal.clear(imageId).catch((error) => logger.warn({ image: imageId, error }, 'an image is still there'));
  });
  return () => {
    void stopSweep();
    stopListening();
  };
}
