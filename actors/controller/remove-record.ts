/** Takes a record away for a client, who then sees that it is gone. */
import { type FailureError, fail } from '../../machines/failure.ts';
import type { Buckets } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import type { Written } from '../../transport/nats/relay.ts';
import type { Store } from '../runtime/store.ts';

/** Rejects with `absent` when there is none, and with `conflict` when it was changed in between. */
export async function removeRecord(
  store: Store,
  kind: keyof Buckets,
  key: string,
  absent: () => FailureError,
): Promise<Written[]> {
  const bucket = await store.bucket(kind);
  const entry = await bucket.get(key);
  if (!entry) throw absent();
  if ((await bucket.remove(key, entry.revision)) === conflict) {
    throw fail('conflict', 'what is to be removed was changed just now', { disposition: 'retry' });
  }
  return [{ bucket: kind, revision: entry.revision, removed: key }];
}
