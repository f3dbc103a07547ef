/** What is gone for a while, and tried again until it is back: whoever is told of it hears both once, however often it was tried. */
import { type Failure, toFailure } from '../../machines/failure.ts';
import type { Clock } from '../clock.ts';

export interface OutageListener {
  gone(failure: Failure): void;
  back(awayMs: number): void;
}

export class Outage {
  readonly #clock: Clock;
  readonly #listener: OutageListener | undefined;
  #since: number | undefined;

  constructor(clock: Clock, listener: OutageListener | undefined) {
    this.#clock = clock;
    this.#listener = listener;
  }

  /** What came of a try. */
  failed(reason: unknown): void {
    if (this.#since !== undefined) return;
    this.#since = this.#clock.now();
    this.#listener?.gone(toFailure(reason));
  }

  succeeded(): void {
    if (this.#since === undefined) return;
    const awayMs = this.#clock.now() - this.#since;
    this.#since = undefined;
    this.#listener?.back(awayMs);
  }
}
