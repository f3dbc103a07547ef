/**
 * A bucket together with its view, for records that come and go under keys that are known beforehand. It remembers the
 * revisions at which keys were removed: a record can then be put where one was with a single write, and only if
 * nobody has touched the key since.
 */
import type { Bucket, Conflict } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';

/** How many removals are remembered. A forgotten one costs a round trip, nothing else. */
const remembered = 20_000;

export class TrackedBucket<T> {
  readonly bucket: Bucket<T>;
  readonly view: View<T>;
  readonly #removedAt = new Map<string, number>();
  readonly #stopListening: () => void;

  constructor(bucket: Bucket<T>, view: View<T>) {
    this.bucket = bucket;
    this.view = view;
    this.#stopListening = view.onChange(({ key, revision }) => {
      this.#removedAt.delete(key);
      // A record that cannot be read is there all the same.
      if (view.revisionOf(key) === undefined) this.#rememberRemoval(key, revision);
    });
  }

  /** Where the key was removed, as far as this process knows; 0 when it knows nothing. */
  removedAt(key: string): number {
    return this.#removedAt.get(key) ?? 0;
  }

  /**
   * Creates the record if the key was last touched at `revision`, its removal (0: never). Unlike a bucket's `create` it
   * does not pass over a removal that the caller has not heard of.
   */
  createAfter(key: string, value: T, revision: number): Promise<number | Conflict> {
    return this.bucket.update(key, value, revision);
  }

  close(): void {
    this.#stopListening();
  }

  #rememberRemoval(key: string, revision: number): void {
    this.#removedAt.set(key, revision);
    if (this.#removedAt.size <= remembered) return;
    const [oldest] = this.#removedAt.keys();
    if (oldest !== undefined) this.#removedAt.delete(oldest);
  }
}
