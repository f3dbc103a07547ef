/** Decides what must hold over all records of a bucket: by a write that holds only while nothing else has changed. */
import { type Bucket, conflict, type Entry } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';

export interface DecidedOver<T> {
  readonly bucket: Bucket<T>;
  readonly view: View<T>;
  /** By what it is decided too, as it is then. */
  readonly others?: readonly View<unknown>[];
  keyOf(record: T): string;
}

/**
 * `choose` says by what is now what is to be, or with `isGone` what is to be no more; it is asked again when another change
 * came first. Resolves with what it chose, at the revision of the write.
 */
export async function decideOverAll<T>(
  { bucket, view, others = [], keyOf }: DecidedOver<T>,
  choose: () => T,
  isGone = false,
): Promise<Entry<T>> {
  for (;;) {
    await Promise.all([view, ...others].map((each) => each.caughtUp()));
    const value = choose();
    const key = keyOf(value);
    const revision = await bucket.decide(key, isGone ? undefined : value, view.revision);
    if (revision !== conflict) return { key, value, revision };
  }
}
