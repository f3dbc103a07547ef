/** Waiting that ends: when the step's signal aborts, or when the time is over. */
import { toLibvirtFailure } from './error-codes.ts';

/** Rejects as soon as `signal` aborts, with its reason as a FailureError; what `promise` does goes on unheeded. */
export function rejectOnAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: raced, resolve, reject } = Promise.withResolvers<T>();
  const abort = () => reject(toLibvirtFailure(signal.reason));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort);
  promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  return raced;
}

/** A bell that is rung from outside: `true` when it rang within `ms`, else `false`. Rings are kept until waited for. */
export class Bell {
  #hasRung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#hasRung = true;
    this.#wake?.();
  }

  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#hasRung) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, Math.max(0, ms));
      this.#wake = resolve;
      try {
        await rejectOnAbort(promise, signal);
      } finally {
        clearTimeout(timer);
        this.#wake = undefined;
      }
    }
    const hasRung = this.#hasRung;
    this.#hasRung = false;
    return hasRung;
  }
}
