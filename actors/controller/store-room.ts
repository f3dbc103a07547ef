/**
 * Whether the state store has room for more. What makes something new is refused while there is still enough left for
 * all else: a launch that was accepted ends, and what is deleted makes room, only if both can still be written down.
 */
import { fail } from '../../machines/failure.ts';
import type { StoreUse } from '../../transport/nats/bus.ts';
import { freeBytes } from '../process/free-bytes.ts';
import { raiseAlarm } from '../runtime/alarms.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** How much of the store is for what was accepted already. */
const reservedShare = 0.1;

/** How long it is gone by what was found (ms). */
const lookAgainMs = 500;

export interface StoreRoomOptions {
  /** What an operator says that the store may hold; nats-server tells only of a limit of the account. */
  bytes?: number | undefined;
  /** Where the store is, when that is on a disk of this machine. */
  folder?: string | undefined;
}

export class StoreRoom {
  readonly #runtime: Runtime;
  readonly #given: StoreRoomOptions;
  #looked: { at: number; use: Promise<Required<StoreUse>> } | undefined;
  #wasFull = false;

  constructor(runtime: Runtime, given: StoreRoomOptions = {}) {
    this.#runtime = runtime;
    this.#given = given;
  }

  /** Rejects with `unavailable` when the store has no room for something new, of so many bytes. */
  async confirm(bytes = 0): Promise<void> {
    const { usedBytes, limitBytes: limit } = await this.#look();
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
  #look(): Promise<Required<StoreUse>> {
    const { clock } = this.#runtime;
    if (!this.#looked || clock.now() - this.#looked.at > lookAgainMs) {
      this.#looked = { at: clock.now(), use: this.#measure() };
    }
    return this.#looked.use;
  }

  async #measure(): Promise<Required<StoreUse>> {
    const { bytes = Number.POSITIVE_INFINITY, folder } = this.#given;
    const [{ usedBytes, limitBytes = Number.POSITIVE_INFINITY }, free] = await Promise.all([
      this.#runtime.bus.storeUse(),
      folder === undefined ? Number.POSITIVE_INFINITY : freeBytes(folder),
    ]);
    // Whoever else fills the disk takes from what the store may grow to.
    return { usedBytes, limitBytes: Math.min(limitBytes, bytes, usedBytes + free) };
  }
}

function inMib(bytes: number): number {
  return Math.round(bytes / 1024 ** 2);
}
