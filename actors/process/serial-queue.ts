/**
 * Runs the work given for one key strictly one after the other, and the work of different keys side by side.
 * A failed piece of work does not stop those behind it. Aborting takes work that has not begun out of the queue;
 * work that has begun is handed the signal by its caller.
 */
import { cancelled } from './cancelled.ts';

export class SerialQueue {
  /** The end of the last work of each key; a key without work is not in it. */
  readonly #tails = new Map<string, Promise<void>>();

  async run<T>(key: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    if (signal?.aborted) throw cancelled(signal);
    const before = this.#tails.get(key) ?? Promise.resolve();
    const { promise: done, resolve: leave } = Promise.withResolvers<void>();
    const tail = before.then(() => done);
    this.#tails.set(key, tail);
    try {
      await turn(before, signal);
      return await work();
    } finally {
      leave();
      void tail.then(() => this.#forget(key, tail));
    }
  }

  #forget(key: string, tail: Promise<void>): void {
    if (this.#tails.get(key) === tail) this.#tails.delete(key);
  }
}

async function turn(before: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return await before;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(cancelled(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([before, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
