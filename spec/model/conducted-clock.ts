/** A clock by which the deadline of an effect can pass at once: for effects that nothing from outside could make fail. */
import type { Clock } from '../../transport/clock.ts';

/** What is waited for longer is the deadline of an effect; each sets one when it begins. */
const effectMs = 10_000;

export class ConductedClock implements Clock {
  /** Of the effects that begin next, in order, whether their time is up at once. */
  #isTimeUp: boolean[] = [];
  readonly #aheadMs: number;

  /** `aheadMs`: how much later it is by this clock. */
  constructor(aheadMs = 0) {
    this.#aheadMs = aheadMs;
  }

  letPass(isTimeUp: boolean[]): void {
    this.#isTimeUp = isTimeUp;
  }

  now(): number {
    return Date.now() + this.#aheadMs;
  }

  after(ms: number, callback: () => void): () => void {
    if (ms <= effectMs || !this.#isTimeUp.shift()) {
      // Nothing is left to wait for when a part has ended.
      const timer = setTimeout(callback, ms).unref();
      return () => clearTimeout(timer);
    }
    let isCancelled = false;
    queueMicrotask(() => {
      if (!isCancelled) callback();
    });
    return () => {
      isCancelled = true;
    };
  }
}
