/** The instance that a client names, as it is stored. */

import type { Caller } from '../../transport/messages/call-context.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Bucket, Entry } from '../../transport/nats/bucket.ts';
import { seenInstance } from '../records/lookup.ts';

/** Not from a view, which may be late: what a client was told of the instance before is what it decides on. */
export async function storedInstance(bucket: Bucket<Instance>, uuid: string, caller: Caller): Promise<Entry<Instance>> {
  const { revision = 0, value } = (await bucket.get(uuid)) ?? {};
  return { key: uuid, value: seenInstance(value, caller, uuid), revision };
}
