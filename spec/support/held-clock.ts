/** A clock on which long waits end when a test says so: what is done every few minutes need not be waited for. */
import { type Clock, systemClock } from '../../transport/clock.ts';

/** What is waited for longer is held (ms). */
const longMs = 60_000;

export class HeldClock implements Clock {
  /** How much later it is by this clock (ms). */
  aheadMs = 0;
  readonly #held = new Set<() => void>();

  now(): number {
    return systemClock.now() + this.aheadMs;
  }

  after(ms: number, callback: () => void): () => void {
    if (ms < longMs) return systemClock.after(ms, callback);
    this.#held.add(callback);
    return () => this.#held.delete(callback);
  }

  /** Ends the long waits that are under way; `false`: there are none. */
  endWaits(): boolean {
    const due = [...this.#held];
    this.#held.clear();
    for (const callback of due) callback();
    return due.length > 0;
  }
}
