/** Turns a JetStream that does not answer into a Failure; what it does answer is left to the caller. */
import { JetStreamApiError } from '@nats-io/jetstream';
import { fail } from '../../machines/failure.ts';

/**
 * Rejects with `unavailable`, to be tried again, when there was no answer. Whether what was asked has happened is then
 * unknown: a compare-and-set or a message id will tell the second time.
 */
export async function answered<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof JetStreamApiError || error instanceof TypeError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw fail('unavailable', `the state store does not answer: ${message}`, { disposition: 'retry' });
  }
}
