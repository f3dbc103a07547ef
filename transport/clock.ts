/** Time and chance are handed in, to every layer, so that a simulated world can own them. */
import { randomBytes, randomUUID } from 'node:crypto';

export interface Clock {
  /** Epoch ms. */
  now(): number;
  /** Calls back once, after `ms`; returns the function that cancels. */
  after(ms: number, callback: () => void): () => void;
}

export interface Chance {
  uuid(): string;
  bytes(count: number): Buffer;
  /** In [0, 1). */
  fraction(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

export const systemChance: Chance = {
  uuid: () => randomUUID(),
  bytes: (count) => randomBytes(count),
  fraction: () => Math.random(),
};

/** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Calls `work` every `ms`, each time after the one before has ended; returns the function that stops it. */
export function every(clock: Clock, ms: number, work: () => Promise<void>): () => void {
  let cancel = clock.after(ms, run);
  let isStopped = false;
  async function run() {
    await work();
    if (!isStopped) cancel = clock.after(ms, run);
  }
  return () => {
    isStopped = true;
    cancel();
  };
}
