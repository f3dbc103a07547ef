/** A clock on which long waits end when a test says so: what is done every few minutes need not be waited for. */
import { type Clock, systemClock } from '../../transport/clock.ts';

export class HeldClock implements Clock {
  /** How much later it is by this clock (ms). */
  aheadMs = 0;
  readonly #longMs: number;
  readonly #held = new Set<() => void>();

  /** What takes `longMs` or longer is held. */
  constructor(longMs = 60_000) {
    this.#longMs = longMs;
  }

  now(): number {
    return systemClock.now() + this.aheadMs;
  }

  after(ms: number, callback: () => void): () => void {
    if (ms < this.#longMs) return systemClock.after(ms, callback);
    this.#held.add(callback);
    return () => this.#held.delete(callback);
  }

  /** Whether a long wait is under way. */
  get isHolding(): boolean {
    return this.#held.size > 0;
  }

  /** Ends the long waits that are under way; `false`: there are none. */
  endWaits(): boolean {
    const due = [...this.#held];
    this.#held.clear();
    for (const callback of due) callback();
    return due.length > 0;
  }
}
