/**
 * Decides for one instance when each step of its world goes on, and how it ends: a step that is awaited is held until the
 * path says how it ends; every other one passes.
 */
import { once } from 'node:events';
import type { Failure } from '../../machines/failure.ts';
import { FailureError } from '../../machines/failure.ts';

/** How a step ends: by doing its work, by a failure before it, or, for a look, by this answer. */
export type Ending = 'work' | { failure: Failure } | { answer: string };

interface Arrival {
  step: string;
  /** Absent: whoever waits for it has stored all that went before. */
  signal: AbortSignal | undefined;
  end(ending: Ending): void;
}

const patienceMs = 15_000;
const givenUp: Failure = { code: 'unavailable', message: 'nobody waits for it any more', disposition: 'abort' };

export class Conductor {
  #awaited: string | undefined;
  #arrival: Arrival | undefined;
  readonly #abandoned: Arrival[] = [];
  #onArrival: (() => void) | undefined;

  /** What is to be held from now on. What was held, is held no longer. */
  await(step: string | undefined): void {
    this.#awaited = step;
    const held = this.#arrival;
    this.#arrival = undefined;
    held?.end('work');
  }

  /** As `await`, but what is held stays so until the function that is returned is called. */
  expect(step: string | undefined): () => void {
    this.#awaited = step;
    const held = this.#arrival;
    this.#arrival = undefined;
    return () => held?.end('work');
  }

  /** Whoever waits has ended, or is late: the step is awaited of another. */
  abandon(): void {
    if (this.#arrival) this.#abandoned.push(this.#arrival);
    this.#arrival = undefined;
  }

  /** Resolves when the process that waits for the held step, and is ending, hears no more how it ends. */
  async left(): Promise<void> {
    const signal = this.#arrival?.signal;
    if (signal && !signal.aborted) await once(signal, 'abort');
    else await new Promise((resolve) => setImmediate(resolve));
  }

  /** No step is held any more, and those that were abandoned are given up. */
  end(): void {
    this.await(undefined);
    for (const { end } of this.#abandoned.splice(0)) end({ failure: givenUp });
  }

  /** Resolves when the awaited step has come. */
  async arrived(): Promise<void> {
    if (this.#arrival) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.#awaited} did not come`)), patienceMs);
      this.#onArrival = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Lets the awaited step, which has come, end so, and awaits the next one. */
  goOn(ending: Ending, next: string | undefined): void {
    const held = this.#arrival;
    this.#arrival = undefined;
    this.#awaited = next;
    held?.end(ending);
  }

  /**
   * Called by a step before it does its work: resolves with what to answer instead of looking, if anything. When it comes
   * again, the one before is over, and ends; but a launch that is asked for anew is not asked for twice.
   */
  async turn(step: string, signal?: AbortSignal): Promise<Ending> {
    if (step !== this.#awaited) return 'work';
    const ending = await new Promise<Ending>((resolve, reject) => {
      if (step === 'requestPlacement') this.abandon();
      this.#arrival?.end('work');
      const arrival = { step, signal, end: resolve };
      this.#arrival = arrival;
      signal?.addEventListener(
        'abort',
        () => {
          if (this.#arrival === arrival) this.#arrival = undefined;
          reject(signal.reason);
        },
        { once: true },
      );
      this.#onArrival?.();
      this.#onArrival = undefined;
    });
    if (typeof ending === 'object' && 'failure' in ending) throw new FailureError(ending.failure);
    return ending;
  }
}
