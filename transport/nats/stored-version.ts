/**
 * Reads a version of a key from the store: the latest, or an earlier one. As the client's own, but for what it costs:
 * together with what else this turn of the event loop sends, and without an error that is made in case it is needed.
 */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { Bus } from './bus.ts';
import { readMessage } from './jetstream-subjects.ts';
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

/**
 * The latest version, or the one that was written as `revision`. Nothing when there is none, or none any more. Rejects with
 * JetStreamApiError, or with what `request` does.
 */
export async function storedVersion(
  request: Bus['request'],
  bucket: string,
  key: string,
  revision?: number,
): Promise<Version | undefined> {
  // There never was one; who asks JetStream for it asks for none at all.
  if (revision === 0) return undefined;
  const subject = subjects.record(bucket, key);
  const asked = JSON.stringify(revision === undefined ? { last_by_subj: subject } : { seq: revision });
  const { data } = await request(readMessage(bucketStream(bucket)), asked, { timeoutMs: storeTimeoutMs });
  const { message, error } = JSON.parse(utf8.decode(data)) as Found;
  if (error?.err_code === noMessageFound) return undefined;
  if (error) throw new JetStreamApiError(error);
  // A key with a wildcard in it is no key, whatever it finds; and a revision may be that of another key.
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
