/**
 * A read view of a whole bucket, kept current by a watch: reads never cross the bus. `reached` is how a process
 * reads its own writes: it waits until the view has seen the revision that the write was given.
 */
import type { KvWatchEntry } from '@nats-io/kv';
import type { QueuedIterator } from 'nats';
import { fail } from '../../machines/failure.ts';
import type { Bucket, Entry } from './bucket.ts';
import { answered } from './store-answer.ts';

export type Change<T> = { key: string; before: T | undefined; after: T | undefined; revision: number };

export interface ViewEntry<T> extends Entry<T> {
  /** The revision at which the record came to be; of one that is older than the view, the first that the view saw. */
  born: number;
}

export interface View<T> {
  get(key: string): T | undefined;
  entry(key: string): ViewEntry<T> | undefined;
  values(): IterableIterator<T>;
  entries(): Iterable<ViewEntry<T>>;
  readonly size: number;
  /** The revision up to which the view is current. */
  readonly revision: number;
  /** Resolves when the view has seen `revision`; rejects with `timeout` after `timeoutMs`. */
  reached(revision: number, timeoutMs?: number): Promise<void>;
  /** Resolves when the view holds all that the bucket held when it was asked. */
  caughtUp(timeoutMs?: number): Promise<void>;
  /** Resolves when the record that was at `revision` is gone or replaced; rejects with `timeout` after `timeoutMs`. */
  left(key: string, revision: number, timeoutMs?: number): Promise<void>;
  /** Called for every change, in order. Returns the function that takes the listener away. */
  onChange(listener: (change: Change<T>) => void): () => void;
  close(): void;
}

/** Resolves when the view holds all that the bucket held when it was asked. */
export async function openView<T>(
  bucket: Bucket<T>,
  { onUnreadable }: { onUnreadable?: (key: string, error: unknown) => void } = {},
): Promise<View<T>> {
  const records = new Map<string, ViewEntry<T>>();
  const listeners = new Set<(change: Change<T>) => void>();
  const waiting = new Set<{ revision: number; resolve: () => void }>();
  let revision = 0;

  const watch: QueuedIterator<KvWatchEntry> = await bucket.kv.watch();

  function take(entry: KvWatchEntry): void {
    const known = records.get(entry.key);
    const before = known?.value;
    let after: T | undefined;
    if (entry.operation === 'PUT') {
      try {
        after = bucket.kind.record.decode(entry.value);
      } catch (error) {
        onUnreadable?.(entry.key, error);
      }
    }
    if (after === undefined) records.delete(entry.key);
    else {
      const born = known?.born ?? entry.revision;
      records.set(entry.key, { key: entry.key, value: after, revision: entry.revision, born });
    }
    revision = entry.revision;
    for (const listener of listeners) listener({ key: entry.key, before, after, revision });
    for (const waiter of waiting) if (waiter.revision <= revision) waiter.resolve();
  }

  void (async () => {
    for await (const entry of watch) take(entry);
  })();

  const view: View<T> = {
    get: (key) => records.get(key)?.value,
    entry: (key) => records.get(key),
    *values() {
      for (const { value } of records.values()) yield value;
    },
    entries: () => records.values(),
    get size() {
      return records.size;
    },
    get revision() {
      return revision;
    },
    reached(wanted, timeoutMs = 5_000) {
      if (wanted <= revision) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(waiter);
          reject(late(bucket));
        }, timeoutMs);
        const waiter = {
          revision: wanted,
          resolve: () => {
            clearTimeout(timer);
            waiting.delete(waiter);
            resolve();
          },
        };
        waiting.add(waiter);
      });
    },
    async caughtUp(timeoutMs) {
      const { streamInfo } = await answered(bucket.kv.status());
      await view.reached(streamInfo.state.last_seq, timeoutMs);
    },
    left(key, past, timeoutMs = 5_000) {
      // A view that has yet to see the record come has not seen it go.
      const isLeft = () => revision >= past && (records.get(key)?.revision ?? Number.POSITIVE_INFINITY) > past;
      if (isLeft()) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const stop = view.onChange(() => {
          if (!isLeft()) return;
          clearTimeout(timer);
          stop();
          resolve();
        });
        const timer = setTimeout(() => {
          stop();
          reject(late(bucket));
        }, timeoutMs);
      });
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => watch.stop(),
  };

  await view.caughtUp(60_000);
  return view;
}

function late({ kind }: { kind: { name: string } }) {
  return fail('timeout', `the view of ${kind.name} is late`, { disposition: 'retry' });
}
