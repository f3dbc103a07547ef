/**
 * Does one piece of work for everybody who wants the same thing at the same time. It is aborted when the last of
 * them has given up, not before; that one is answered when the work has ended, so that nothing goes on behind an
 * abort. Whoever comes after it begins anew. Failures are not remembered.
 */
import { cancelled } from '../process/cancelled.ts';

interface Work<T> {
  promise: Promise<T>;
  abort: AbortController;
  waiting: number;
}

export class SharedWork<T> {
  readonly #running = new Map<string, Work<T>>();

  async run(key: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (signal.aborted) throw cancelled(signal);
    const work = this.#running.get(key) ?? this.#begin(key, start);
    work.waiting += 1;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(cancelled(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([work.promise, aborted]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      work.waiting -= 1;
      if (work.waiting === 0) {
        this.#forget(key, work);
        work.abort.abort();
        await work.promise.catch(() => {});
      }
    }
  }

  #begin(key: string, start: (signal: AbortSignal) => Promise<T>): Work<T> {
    const abort = new AbortController();
    const work: Work<T> = { promise: start(abort.signal), abort, waiting: 0 };
    this.#running.set(key, work);
    // Handled here too: when the last waiter has gone there is nobody else to hear of it.
    work.promise.then(
      () => this.#forget(key, work),
      () => this.#forget(key, work),
    );
    return work;
  }

  #forget(key: string, work: Work<T>): void {
    if (this.#running.get(key) === work) this.#running.delete(key);
  }
}
