/**
 * The buckets and views that the parts of one process share, and what follows from them: each is opened once, when
 * first asked for.
 */

import { type FailureError, fail } from '../../machines/failure.ts';
import type { BucketKind } from '../../transport/messages/kinds.ts';
import { type Buckets, buckets } from '../../transport/messages/records.ts';
import { type Bucket, openBucket } from '../../transport/nats/bucket.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import type { StateLostError } from '../../transport/nats/key-values.ts';
import { openView, type View } from '../../transport/nats/view.ts';
import { Liveness } from './liveness.ts';
import type { Logger } from './logger.ts';
import type { Pulse } from './pulse.ts';

export type RecordOf<K extends keyof Buckets> = Buckets[K] extends BucketKind<infer T> ? T : never;

export class Store {
  readonly #bus: Bus;
  readonly #logger: Logger;
  readonly #pulse: Pulse;
  readonly #buckets = new Map<string, Promise<Bucket<never>>>();
  readonly #views = new Map<string, Promise<View<never>>>();
  readonly #livenesses = new Map<string, Promise<Liveness>>();
  #isClosed = false;
  readonly #lost = Promise.withResolvers<FailureError>();

  constructor(bus: Bus, logger: Logger, pulse: Pulse) {
    this.#bus = bus;
    this.#logger = logger;
    this.#pulse = pulse;
    void bus.ended.then((error) => this.#lost.resolve(error));
  }

  /**
   * Resolves when records that this process has seen may not be there any more, nor what has become of them: it must not
   * go on by what it knows, and begins again with what there is (`lives.ts`).
   */
  get lost(): Promise<FailureError> {
    return this.#lost.promise;
  }

  bucket<K extends keyof Buckets>(kind: K): Promise<Bucket<RecordOf<K>>> {
    return this.#once(this.#buckets, kind, () => openBucket(this.#bus, buckets[kind] as BucketKind<RecordOf<K>>));
  }

  view<K extends keyof Buckets>(kind: K): Promise<View<RecordOf<K>>> {
    return this.#once(this.#views, kind, async () =>
      openView(await this.bucket(kind), this.#bus.clock, {
        onLost: (error) => this.#lose(error),
        onUnreadable: (key, error) => this.#logger.error({ bucket: kind, key, error }, 'a record cannot be read'),
      }),
    );
  }

  /** Which hosts live. */
  liveness(): Promise<Liveness> {
    const open = async () => new Liveness(await this.view('host'), this.#bus.clock, this.#pulse);
    return this.#once(this.#livenesses, 'host', open);
  }

  #lose(error: StateLostError): void {
    this.#logger.error({ error }, 'the state store is not what it was');
    this.#lost.resolve(fail('unavailable', error.message, { disposition: 'retry' }));
  }

  /** A part that could not start may still be opening one thing after another: it gets no further. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const opened = await Promise.allSettled([...this.#livenesses.values(), ...this.#views.values()]);
    for (const each of opened) if (each.status === 'fulfilled') each.value.close();
  }

  #once<T>(opened: Map<string, Promise<unknown>>, kind: string, open: () => Promise<T>): Promise<T> {
    const known = opened.get(kind);
    if (known) return known as Promise<T>;
    if (this.#isClosed)
      return Promise.reject(fail('unavailable', 'this process is stopping', { disposition: 'retry' }));
    const opening = open();
    opened.set(kind, opening);
    return opening;
  }
}
