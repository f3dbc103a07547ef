/** Something that steps have to pass: open, shut for a while, or refusing everyone. */
import type { FailureError } from '../../machines/failure.ts';

interface Waiter {
  pass(): void;
  turnAway(reason: unknown): void;
}

export class Gate {
  readonly #waiting = new Set<Waiter>();
  #isOpen = true;
  #refusal: FailureError | undefined;

  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(): void {
    this.#isOpen = true;
    this.#refusal = undefined;
    for (const waiter of this.#waiting) waiter.pass();
    this.#waiting.clear();
  }

  /** Whoever comes now waits until it opens. */
  shut(): void {
    this.#isOpen = false;
  }

  /** Whoever waits, or comes until it opens, is turned away. */
  refuse(refusal: FailureError): void {
    this.#isOpen = false;
    this.#refusal = refusal;
    for (const waiter of this.#waiting) waiter.turnAway(refusal);
    this.#waiting.clear();
  }

  /** Resolves when it is open; rejects with the refusal, or with the signal's reason when it aborts first. */
  async pass(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#refusal) throw this.#refusal;
    if (this.#isOpen) return;
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.delete(waiter);
        reject(signal?.reason);
      };
      const forget = () => signal?.removeEventListener('abort', onAbort);
      const waiter: Waiter = {
        pass() {
          forget();
          resolve();
        },
        turnAway(reason) {
          forget();
          reject(reason);
        },
      };
      this.#waiting.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
