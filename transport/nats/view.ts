/**
 * A read view of a whole bucket, kept current by a watch: reads never cross the bus. A record is decoded when somebody
 * reads it: most versions of most records are replaced before that. `reached` is how a process reads its own writes: it
 * waits until the view has seen the revision that the write was given.
 *
 * What a watch leaves out, and how the view knows, says `watch-progress.ts`.
 */
import { fail } from '../../machines/failure.ts';
import { type Clock, sleep } from '../clock.ts';
import type { Bucket, Entry } from './bucket.ts';
import { StateLostError, type Watched } from './key-values.ts';
import { standardPatienceMs, WatchProgress } from './watch-progress.ts';

export interface Change<T> {
  readonly key: string;
  readonly revision: number;
  /** What there was and what there is: decoded when it is looked at. */
  readonly before: T | undefined;
  readonly after: T | undefined;
}

export interface View<T> {
  get(key: string): T | undefined;
  entry(key: string): Entry<T> | undefined;
  /** At which revision the record is, without reading it. */
  revisionOf(key: string): number | undefined;
  values(): IterableIterator<T>;
  entries(): Iterable<Entry<T>>;
  readonly size: number;
  /** The latest revision that the view has heard of. */
  readonly revision: number;
  /** Whether the view shows all that was written up to `revision`, or what has replaced it. */
  shows(revision: number): boolean;
  /** Resolves when that is so; rejects with `timeout` after `timeoutMs`. */
  reached(revision: number, timeoutMs?: number): Promise<void>;
  /** Resolves when the view holds all that the bucket held when it was asked; rejects with `timeout`. */
  caughtUp(timeoutMs?: number): Promise<void>;
  /**
   * As `caughtUp`, but what was written last may have replaced something that the view still shows: for who only has to
   * know that the view is told of what happens. It never takes longer because much is written.
   */
  passed(timeoutMs?: number): Promise<void>;
  /** Resolves when the record that was at `revision` is gone or replaced; rejects with `timeout` after `timeoutMs`. */
  left(key: string, revision: number, timeoutMs?: number): Promise<void>;
  /**
   * Called for every version that the view is told of, in order; a watch that is begun again tells of removals once more.
   * Returns the function that takes the listener away.
   */
  onChange(listener: (change: Change<T>) => void): () => void;
  close(): void;
}

export interface ViewListeners {
  onUnreadable?: (key: string, error: unknown) => void;
  onLost?: (error: StateLostError) => void;
}

/** How long to wait before a watch that has ended is begun again (ms). */
const watchAgainMs = 250;

/**
 * Resolves when the view holds all that the bucket held when it was asked. A watch that ends is begun again, until the
 * view is closed, or the bucket is not what it was: then `onLost` is told, and the view stays as it is. Who goes by it goes
 * by a world that is no more.
 */
export async function openView<T>(
  bucket: Bucket<T>,
  clock: Clock,
  { onUnreadable, onLost }: ViewListeners = {},
): Promise<View<T>> {
  const records = new Map<string, Held<T>>();
  const listeners = new Set<(change: Change<T>) => void>();
  const closing = new AbortController();
  const { name } = bucket.kind;
  const progress = new WatchProgress({ name, lastRevision: () => bucket.stored.lastRevision() }, clock);

  function decode(key: string, bytes: Uint8Array): T | undefined {
    try {
      return bucket.kind.record.decode(bytes);
    } catch (error) {
      onUnreadable?.(key, error);
      return undefined;
    }
  }

  function take(version: Watched): void {
    const { key, bytes } = version;
    // A watch that is begun again tells once more of what is known.
    if (version.revision <= (records.get(key)?.revision ?? 0)) return;
    progress.comeTo(version.revision);
    const before = records.get(key);
    const after = version.isRemoval ? undefined : new Held(key, version.revision, bytes, decode);
    if (after) records.set(key, after);
    else records.delete(key);
    tell(new HeldChange(key, version.revision, before, after));
  }

  function tell(change: Change<T>): void {
    for (const listener of listeners) listener(change);
  }

  let endWatch = await bucket.stored.watch(take, () => void watchAgain());

  async function watchAgain(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await sleep(clock, watchAgainMs, closing.signal);
        endWatch = await bucket.stored.watch(take, () => void watchAgain());
        if (closing.signal.aborted) endWatch();
        return;
      } catch (error) {
        if (error instanceof StateLostError) return onLost?.(error);
        // The store does not answer yet, or the view was closed.
      }
    }
  }

  const view: View<T> = {
    get: (key) => records.get(key)?.read(),
    entry: (key) => records.get(key)?.entry(),
    revisionOf: (key) => records.get(key)?.revision,
    *values() {
      for (const held of records.values()) {
        const value = held.read();
        if (value !== undefined) yield value;
      }
    },
    *entries() {
      for (const held of records.values()) {
        const entry = held.entry();
        if (entry) yield entry;
      }
    },
    get size() {
      return [...view.values()].length;
    },
    get revision() {
      return progress.revision;
    },
    shows: (revision) => progress.shows(revision),
    reached: (revision, timeoutMs) => progress.reached(revision, timeoutMs),
    caughtUp: (timeoutMs) => progress.caughtUp(timeoutMs),
    passed: (timeoutMs) => progress.passed(timeoutMs),
    left(key, past, timeoutMs = standardPatienceMs) {
      // A view that has yet to see the record come has not seen it go.
      const isLeft = () => progress.revision >= past && (records.get(key)?.revision ?? Number.POSITIVE_INFINITY) > past;
      if (isLeft()) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const stop = view.onChange(() => {
          if (!isLeft()) return;
          stopWaiting();
          stop();
          resolve();
        });
        const stopWaiting = clock.after(timeoutMs, () => {
          stop();
          reject(fail('timeout', `the view of ${name} is late`, { disposition: 'retry' }));
        });
      });
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      closing.abort();
      endWatch();
    },
  };

  try {
    await view.caughtUp(60_000);
  } catch (error) {
    view.close();
    throw error;
  }
  return view;
}

type Decode<T> = (key: string, bytes: Uint8Array) => T | undefined;

/** A record as it came, until somebody reads it. To those who cannot read it it is not there. */
class Held<T> {
  readonly key: string;
  readonly revision: number;
  #bytes: Uint8Array | undefined;
  #decode: Decode<T> | undefined;
  #value: T | undefined;

  constructor(key: string, revision: number, bytes: Uint8Array, decode: Decode<T>) {
    this.key = key;
    this.revision = revision;
    // A part of all that was read from the socket at once, which it would keep.
    this.#bytes = bytes.slice();
    this.#decode = decode;
  }

  read(): T | undefined {
    if (this.#bytes) this.#value = this.#decode?.(this.key, this.#bytes);
    this.#bytes = undefined;
    this.#decode = undefined;
    return this.#value;
  }

  entry(): Entry<T> | undefined {
    const { key, revision } = this;
    const value = this.read();
    return value === undefined ? undefined : { key, value, revision };
  }
}

/** A class, as all that is made of every message and has accessors: V8 takes 1 µs to make an object literal with them. */
class HeldChange<T> implements Change<T> {
  readonly key: string;
  readonly revision: number;
  readonly #before: Held<T> | undefined;
  readonly #after: Held<T> | undefined;

  constructor(key: string, revision: number, before: Held<T> | undefined, after: Held<T> | undefined) {
    this.key = key;
    this.revision = revision;
    this.#before = before;
    this.#after = after;
  }

  get before(): T | undefined {
    return this.#before?.read();
  }

  get after(): T | undefined {
    return this.#after?.read();
  }
}
