/** Changes a record that others change too: each change is made to what the one before has left. */
import { type Bucket, conflict, type Entry } from '../../transport/nats/bucket.ts';

/** What a record is now, and what it was. */
export interface Changed<T> extends Entry<T> {
  before: T;
}

/**
 * Compare-and-set, as often as it takes: of those who write at once, one is always through. `change` answers the very
 * record that it was given when there is nothing to change; what it throws ends it. `undefined`: there is no record.
 */
export async function changeRecord<T>(
  bucket: Bucket<T>,
  key: string,
  change: (record: T) => T | Promise<T>,
): Promise<Changed<T> | undefined> {
  for (;;) {
    const entry = await bucket.get(key);
    if (!entry) return undefined;
    const value = await change(entry.value);
    if (value === entry.value) return { ...entry, before: value };
    const revision = await bucket.update(key, value, entry.revision);
    if (revision !== conflict) return { key, value, revision, before: entry.value };
  }
}

/** As `changeRecord`; of where there is no record yet, `make` makes one. */
export async function makeOrChangeRecord<T>(
  bucket: Bucket<T>,
  key: string,
  make: (before: T | undefined) => T,
): Promise<Entry<T>> {
  for (;;) {
    const changed = await changeRecord(bucket, key, make);
    if (changed) return changed;
    const value = make(undefined);
    const revision = await bucket.create(key, value);
    if (revision !== conflict) return { key, value, revision };
  }
}
