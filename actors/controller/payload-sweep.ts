/**
 * Removes what clients asked to be put on their instances (passwords, user data, files) when the instance is deleted, or
 * was never recorded. Every controller does it: to remove what is gone is to do nothing.
 */
import { every } from '../../transport/clock.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { onDeleted } from './deletions.ts';

/** A payload is stored before its instance: younger than this, the instance may yet come (ms). */
const youngMs = 300_000;
const sweepEveryMs = 600_000;

/** Looks through all payloads now and then, and at each deletion; returns the function that ends it. */
export async function startPayloadSweep({ store, clock, logger }: Runtime): Promise<() => void> {
  const [payloads, instances] = await Promise.all([store.bucket('payload'), store.view('instance')]);

  async function remove(uuid: string): Promise<void> {
    try {
      if (await payloads.get(uuid)) await payloads.remove(uuid);
    } catch (error) {
      logger.warn({ uuid, error }, 'a payload could not be removed; the next sweep tries again');
    }
  }

  async function sweep(): Promise<void> {
    for (const uuid of await payloads.keys()) {
      const instance = instances.get(uuid);
      const writtenAt = instance ? undefined : await payloads.writtenAt(uuid);
      const isOrphan = writtenAt !== undefined && clock.now() - writtenAt > youngMs;
      if (isOrphan || instance?.vmState === 'deleted') await remove(uuid);
    }
  }

  async function sweepOrWarn(): Promise<void> {
    await sweep().catch((error) => logger.warn({ error }, 'payloads could not be swept'));
  }

  void sweepOrWarn();
  const stopSweep = every(clock, sweepEveryMs, sweepOrWarn);
  const stopListening = onDeleted(clock, instances, ({ uuid, hasPayload }) => {
    if (hasPayload) void remove(uuid);
  });
  return () => {
    stopSweep();
    stopListening();
  };
}
