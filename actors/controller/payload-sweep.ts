/**
 * Removes what clients asked to be put on their instances (passwords, user data, files) when no instance's record names it:
 * the instance is deleted, or was never recorded, or has been rebuilt with another one, or a rebuild was refused. Every
 * controller does it: to remove what is gone is to do nothing.
 *
 * A payload is stored before the record that names it. So, unless its instance is deleted, it is removed only when it was
 * seen unnamed twice, with more time in between than a controller, or a cast, is ever under way; and not while the host is
 * away that has yet to hear of it. No clock has a say in it.
 */
import { toFailure } from '../../machines/failure.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { instanceOfPayload } from '../records/keys.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { SeenBefore } from '../runtime/seen-before.ts';
import { sweep } from '../runtime/sweep.ts';
import { onDeleted } from './deletions.ts';

const sweepEveryMs = 300_000;

/** Looks through all payloads now and then, and at each deletion; returns the function that ends it. */
export async function startPayloadSweep(runtime: Runtime): Promise<() => void> {
  const { store, clock, logger } = runtime;
  const [payloads, bucket, instances, liveness] = await Promise.all([
    store.bucket('payload'),
    store.bucket('instance'),
    store.view('instance'),
    store.liveness(),
  ]);
  const unnamed = new SeenBefore();

  async function remove(key: string): Promise<void> {
    try {
      if (await payloads.get(key)) await payloads.remove(key);
    } catch (error) {
      logger.warn(
        { uuid: instanceOfPayload(key), error },
        'a payload could not be removed; the next sweep tries again',
      );
    }
  }

  const stopSweep = sweep(runtime, 'payloads', sweepEveryMs, async () => {
    const wasUnnamed = unnamed.look();
    for (const key of await payloads.keys()) {
      const instance = instances.get(instanceOfPayload(key));
      if (instance && (isOf(instance, key) || isAwaited(instance))) continue;
      // Of a deleted one no record comes to name anything. Else: a view may be late, and leaves out what cannot be read.
      const isDeleted = instance?.vmState === 'deleted';
      if (isDeleted || (wasUnnamed(key) && !(await isNamed(key)))) await remove(key);
    }
  });

  /** What cannot be read may name it. */
  async function isNamed(key: string): Promise<boolean> {
    const uuid = instanceOfPayload(key);
    try {
      const instance = (await bucket.get(uuid))?.value;
      return instance !== undefined && isOf(instance, key);
    } catch (error) {
      if (toFailure(error).code !== 'invalid_request') throw error;
      logger.warn({ uuid, error }, 'a payload stays, because the record of its instance cannot be read');
      return true;
    }
  }

  function isAwaited({ owner, vmState }: Instance): boolean {
    return vmState !== 'deleted' && owner !== 'control' && liveness.statusOf(owner.host) !== 'up';
  }

  const stopListening = onDeleted(clock, instances, ({ payload }) => {
    if (payload !== undefined) void remove(payload);
  });
  return () => {
    void stopSweep();
    stopListening();
  };
}

function isOf({ payload, vmState }: Instance, key: string): boolean {
  return payload === key && vmState !== 'deleted';
}
