/** Takes a record away for a client, who then sees that it is gone. */
import type { FailureError } from '../../machines/failure.ts';
import type { Buckets } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import type { Written } from '../../transport/nats/relay.ts';
import type { Store } from '../runtime/store.ts';

/** Rejects with `absent` when there is none. What others change of it in between goes with it. */
export async function removeRecord(
  store: Store,
  kind: keyof Buckets,
  key: string,
  absent: () => FailureError,
): Promise<Written[]> {
  const bucket = await store.bucket(kind);
  for (;;) {
    const entry = await bucket.get(key);
    if (!entry) throw absent();
    const { revision } = entry;
    if ((await bucket.remove(key, revision)) !== conflict) return [{ bucket: kind, revision, removed: key }];
  }
}
