/** Turns a JetStream that does not answer, or has no room, into a Failure; what else it answers is left to the caller. */
import { JetStreamApiError } from '@nats-io/jetstream';
import { FailureError, fail } from '../../machines/failure.ts';
import { notPermitted, refusalOf } from './refusal.ts';

/** How long the store may take (ms). */
export const storeTimeoutMs = 5_000;

export type StoreError = ConstructorParameters<typeof JetStreamApiError>[0];

/** Of the account, of the server, of its disk, of the stream. */
const noRoom = new Set([10002, 10023, 10047, 10077]);

/**
 * Rejects with `unavailable`, to be tried again, when there was no answer. Whether what was asked has happened is then
 * unknown: a compare-and-set or a message id will tell the second time.
 */
export async function answered<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof JetStreamApiError && noRoom.has(error.code)) {
      const details = { store: 'full' };
      throw fail('unavailable', `the state store is full: ${error.message}`, { disposition: 'retry', details });
    }
    // A cluster without a leader, or a disk so full that the server has given up.
    if (error instanceof JetStreamApiError && error.status === 503) {
      throw fail('unavailable', `the state store is not to be had: ${error.message}`, { disposition: 'retry' });
    }
    if (error instanceof JetStreamApiError || error instanceof TypeError || error instanceof FailureError) throw error;
    const refusal = refusalOf(error);
    if (refusal) throw notPermitted(refusal);
    const message = error instanceof Error ? error.message : String(error);
    throw fail('unavailable', `the state store does not answer: ${message}`, { disposition: 'retry' });
  }
}

/** Whether it is known that nothing was stored, because there is no room. */
export function isStoreFull(error: unknown): error is FailureError {
  return error instanceof FailureError && error.failure.details?.store === 'full';
}
