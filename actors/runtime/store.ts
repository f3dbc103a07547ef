/** The buckets and views that the parts of one process share: each is opened once, when first asked for. */

import { type Buckets, buckets } from '../../transport/messages/records.ts';
import { type Bucket, type BucketKind, openBucket } from '../../transport/nats/bucket.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { openView, type View } from '../../transport/nats/view.ts';
import type { Logger } from './logger.ts';

export type RecordOf<K extends keyof Buckets> = Buckets[K] extends BucketKind<infer T> ? T : never;

export class Store {
  readonly #bus: Bus;
  readonly #logger: Logger;
  readonly #buckets = new Map<string, Promise<Bucket<never>>>();
  readonly #views = new Map<string, Promise<View<never>>>();

  constructor(bus: Bus, logger: Logger) {
    this.#bus = bus;
    this.#logger = logger;
  }

  bucket<K extends keyof Buckets>(kind: K): Promise<Bucket<RecordOf<K>>> {
    return once(this.#buckets, kind, () => openBucket(this.#bus, buckets[kind] as BucketKind<RecordOf<K>>));
  }

  view<K extends keyof Buckets>(kind: K): Promise<View<RecordOf<K>>> {
    return once(this.#views, kind, async () =>
      openView(await this.bucket(kind), this.#bus.clock, {
        onUnreadable: (key, error) => this.#logger.error({ bucket: kind, key, error }, 'a record cannot be read'),
      }),
    );
  }

  async close(): Promise<void> {
    for (const view of await Promise.all(this.#views.values())) view.close();
  }
}

function once<T>(opened: Map<string, Promise<unknown>>, kind: string, open: () => Promise<T>): Promise<T> {
  const known = opened.get(kind);
  if (known) return known as Promise<T>;
  const opening = open();
  opened.set(kind, opening);
  return opening;
}
