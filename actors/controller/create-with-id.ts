/** Makes a record under an id of its own: the one that was asked for, or a short one that nobody has. */
import { fail } from '../../machines/failure.ts';
import type { Chance } from '../../transport/clock.ts';
import { type Bucket, conflict, type Entry } from '../../transport/nats/bucket.ts';

/** Enough that two are the same once in a lifetime; and then another is made up. */
const idBytes = 6;

/** Rejects with `already_exists` when the id that was asked for is taken. */
export async function createWithId<T>(
  bucket: Bucket<T>,
  chance: Chance,
  what: string,
  asked: string | undefined,
  make: (id: string) => T,
): Promise<Entry<T>> {
  for (;;) {
    const id = asked ?? chance.bytes(idBytes).toString('hex');
    const value = make(id);
    const revision = await bucket.create(id, value);
    if (revision !== conflict) return { key: id, value, revision };
    if (asked !== undefined) {
      throw fail('already_exists', `there is a ${what} ${JSON.stringify(id)} already (field /id)`, {
        details: { field: '/id' },
      });
    }
  }
}
