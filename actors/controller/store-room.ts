/**
 * Whether the state store has room for more. What makes something new is refused while there is still enough left for
 * all else: a launch that was accepted ends, and what is deleted makes room, only if both can still be written down.
 */
import { fail } from '../../machines/failure.ts';
import type { StoreUse } from '../../transport/nats/bus.ts';
import { raiseAlarm } from '../runtime/alarms.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** How much of the store is for what was accepted already. */
const reservedShare = 0.1;

/** How long it is gone by what was found (ms). */
const lookAgainMs = 500;

export class StoreRoom {
  readonly #runtime: Runtime;
  readonly #limitBytes: number;
  #looked: { at: number; use: Promise<StoreUse> } | undefined;
  #wasFull = false;

  /** `limitBytes`: what an operator says that the store may hold; nats-server tells only of a limit of the account. */
  constructor(runtime: Runtime, limitBytes = Number.POSITIVE_INFINITY) {
    this.#runtime = runtime;
    this.#limitBytes = limitBytes;
  }

  /** Rejects with `unavailable` when the store has no room for something new, of so many bytes. */
  async confirm(bytes = 0): Promise<void> {
    const { usedBytes, limitBytes = Number.POSITIVE_INFINITY } = await this.#look();
    const limit = Math.min(limitBytes, this.#limitBytes);
    const isFull = usedBytes + bytes > limit * (1 - reservedShare);
    // What is too large for the room that there is leaves it as it is.
    if (usedBytes <= limit * (1 - reservedShare)) this.#wasFull = false;
    if (!isFull) return;
    const message =
      `the state store is full: ${inMib(usedBytes)} of ${inMib(limit)} MiB are in use, and the rest is kept for what ` +
      'there is; nothing new is taken until there is room';
    if (!this.#wasFull && bytes === 0) {
      this.#wasFull = true;
      raiseAlarm(this.#runtime, { kind: 'store-full', message });
    }
    throw fail('unavailable', message, { disposition: 'retry', details: { usedBytes, limitBytes: limit } });
  }

  /** All who ask within a moment are answered by one look. */
  #look(): Promise<StoreUse> {
    const { bus, clock } = this.#runtime;
    if (!this.#looked || clock.now() - this.#looked.at > lookAgainMs) {
      this.#looked = { at: clock.now(), use: bus.storeUse() };
    }
    return this.#looked.use;
  }
}

function inMib(bytes: number): number {
  return Math.round(bytes / 1024 ** 2);
}
