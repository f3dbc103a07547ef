/**
 * A clock by which the deadline of an effect can pass at once, for effects that nothing from outside could make fail; and by
 * which a process can stand still.
 */
import type { Clock } from '../../transport/clock.ts';

/** What is waited for longer is the deadline of an effect; each sets one when it begins. */
const effectMs = 10_000;

export class ConductedClock implements Clock {
  /** Of the effects that begin next, in order, whether their time is up at once. */
  #isTimeUp: boolean[] = [];
  readonly #aheadMs: number;
  /** What fell due since it stands still. */
  #due: (() => void)[] | undefined;

  /** `aheadMs`: how much later it is by this clock. */
  constructor(aheadMs = 0) {
    this.#aheadMs = aheadMs;
  }

  letPass(isTimeUp: boolean[]): void {
    this.#isTimeUp = isTimeUp;
  }

  /** Whoever goes by it does nothing more, as a process that is stopped, until the function that is returned is called. */
  stand(): () => void {
    const due: (() => void)[] = [];
    this.#due = due;
    return () => {
      this.#due = undefined;
      for (const callback of due) callback();
    };
  }

  now(): number {
    return Date.now() + this.#aheadMs;
  }

  after(ms: number, callback: () => void): () => void {
    let isCancelled = false;
    const due = () => {
      if (isCancelled) return;
      if (this.#due) this.#due.push(due);
      else callback();
    };
    // Nothing is left to wait for when a part has ended.
    const timer = ms <= effectMs || !this.#isTimeUp.shift() ? setTimeout(due, ms).unref() : undefined;
    if (!timer) queueMicrotask(due);
    return () => {
      isCancelled = true;
      clearTimeout(timer);
    };
  }
}
