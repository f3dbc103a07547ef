/**
 * Reads the latest version of a key from the store. As the client's own, but for what it costs: together with what else
 * this turn of the event loop sends, and without an error that is made in case it is needed.
 */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { Bus } from './bus.ts';
import { readLatest } from './jetstream-subjects.ts';
import type { Version } from './key-values.ts';
import { type StoreError, storeTimeoutMs } from './store-answer.ts';
import { bucketStream, subjects } from './subjects.ts';

/** What JetStream answers; bytes are base64, and absent when there are none. */
interface Found {
  message: { subject: string; seq: number; time: string; hdrs?: string; data?: string };
  error?: StoreError;
}

/** JetStream's. */
const noMessageFound = 10037;

const utf8 = new TextDecoder();

/** Nothing when nothing was ever written under the key. Rejects with JetStreamApiError, or with what `request` does. */
export async function latestVersion(
  request: Bus['request'],
  bucket: string,
  key: string,
): Promise<Version | undefined> {
  const subject = subjects.record(bucket, key);
  const asked = JSON.stringify({ last_by_subj: subject });
  const { data } = await request(readLatest(bucketStream(bucket)), asked, { timeoutMs: storeTimeoutMs });
  const { message, error } = JSON.parse(utf8.decode(data)) as Found;
  if (error?.err_code === noMessageFound) return undefined;
  if (error) throw new JetStreamApiError(error);
  // A key with a wildcard in it is no key, whatever it finds.
  if (message.subject !== subject) return undefined;
  const bytes = Buffer.from(message.data ?? '', 'base64');
  return {
    key,
    bytes,
    isRemoval: message.hdrs !== undefined && saysRemoved(message.hdrs),
    revision: message.seq,
    writtenAt: Date.parse(message.time),
  };
}

/** Whether the headers say that the key was removed, or all that it had been. */
function saysRemoved(headers: string): boolean {
  return /^KV-Operation: *(DEL|PURGE) *\r?$/m.test(Buffer.from(headers, 'base64').toString());
}
