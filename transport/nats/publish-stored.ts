/** A message that a stream stores before it is acknowledged: a cast, or a record of a bucket. */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { MsgHdrs } from 'nats';
import type { Bus } from './bus.ts';
import { answered, type StoreError, storeTimeoutMs } from './store-answer.ts';

interface Acknowledgement {
  seq: number;
  error?: StoreError;
}

const utf8 = new TextDecoder();

/**
 * Resolves with the message's sequence in the stream, which for a record is its revision. Rejects with
 * JetStreamApiError when the stream refuses it, and with `unavailable` when the store is full, or whether it is stored is
 * unknown.
 */
export function publishStored(
  bus: Bus,
  subject: string,
  payload: string | Uint8Array,
  headers: MsgHdrs,
): Promise<number> {
  return answered(publish(bus, subject, payload, headers));
}

async function publish(bus: Bus, subject: string, payload: string | Uint8Array, headers: MsgHdrs): Promise<number> {
  const { data } = await bus.request(subject, payload, { timeoutMs: storeTimeoutMs, headers });
  const { seq, error } = JSON.parse(utf8.decode(data)) as Acknowledgement;
  if (error) throw new JetStreamApiError(error);
  return seq;
}
