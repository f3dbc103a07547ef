/**
 * Runs the effects of one instance's chart: one after the other, from a stored state, within their deadline, again while
 * that may help.
 */
import type { EffectKey, Timed, TimedFailure } from '../../machines/effect.ts';
import { type Failure, fail, toFailure } from '../../machines/failure.ts';
import type { InstanceContext } from '../../machines/instance.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { CallContext } from '../../transport/nats/call-context.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';

/** The instance that an effect is for, as its owner knows it. */
export interface EffectSubject {
  readonly uuid: string;
  /** What was asked for; its chart may be behind `context`. */
  readonly record: Instance;
  readonly revision: number;
  readonly context: InstanceContext;
  readonly callContext: CallContext;
  /** Resolves when all transitions so far are stored; rejects when this process owns the instance no longer. */
  durable(): Promise<void>;
}

/** What an effect is given. */
export interface EffectJob {
  key: EffectKey;
  owner: EffectSubject;
  /** Aborts at the deadline, and when the chart has left the state. */
  signal: AbortSignal;
}

export interface EffectImplementation {
  /** What it resolves with, if an object, is the effect's output. */
  run(job: EffectJob): Promise<unknown>;
  /**
   * Whether the transition that led here must be stored before the effect begins. Only for effects that leave no trace
   * outside the process, or that repeat what a stored state begins with anyway, may this be false.
   */
  isDurable: boolean;
}

export class EffectRunner {
  readonly #subject: EffectSubject;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Settles when the last effect has, also one whose state was left: what it began may not be undone before. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(subject: EffectSubject, clock: Clock, logger: Logger) {
    this.#subject = subject;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** `left` aborts when the chart leaves the state. Rejects with a TimedFailure, as plain data for the chart. */
  async run(
    name: string,
    { run, isDurable }: EffectImplementation,
    key: EffectKey,
    left: AbortSignal,
  ): Promise<object & Timed> {
    const owner = this.#subject;
    const deadline = new Deadline(name, key.deadline, this.#clock);
    const signal = AbortSignal.any([left, deadline.signal]);
    const before = this.#last;

    const work = (async () => {
      await before;
      signal.throwIfAborted();
      if (isDurable) await owner.durable();
      return this.#again(() => run({ key, owner, signal }), signal, deadline);
    })();
    this.#last = work.catch(() => undefined);

    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort);
    try {
      return { ...(await Promise.race([work, aborted])), at: this.#clock.now() };
    } catch (thrown) {
      const failure: TimedFailure = { ...toFailure(thrown), at: this.#clock.now() };
      this.#logger.debug({ uuid: owner.uuid, effect: name, failure }, 'an effect failed');
      throw failure;
    } finally {
      // A signal made of others lives for as long as it has a listener.
      signal.removeEventListener('abort', onAbort);
      deadline.cancel();
    }
  }

  /** Resolves when no effect is at work any more. */
  async idle(): Promise<void> {
    await this.#last;
  }

  /** Tries again, with back-off, while the failure says that this may help and there is time left. */
  async #again(run: () => Promise<unknown>, signal: AbortSignal, deadline: Deadline): Promise<object> {
    for (let pause = 100; ; pause = Math.min(pause * 2, 5_000)) {
      try {
        return { ...((await run()) as object | undefined) };
      } catch (thrown) {
        signal.throwIfAborted();
        const failure = toFailure(thrown);
        if (failure.disposition !== 'retry') throw thrown;
        deadline.cause = failure;
        await sleep(this.#clock, pause, signal);
      }
    }
  }
}

/** Aborts with `timeout`, and says which failure was in the way last. */
class Deadline {
  readonly signal: AbortSignal;
  readonly cancel: () => void;
  cause: Failure | undefined;

  constructor(name: string, at: number, clock: Clock) {
    const controller = new AbortController();
    this.signal = controller.signal;
    this.cancel = clock.after(Math.max(0, at - clock.now()), () => {
      const { cause } = this;
      controller.abort(
        fail('timeout', `${name} did not end in time`, { disposition: 'reschedule', ...(cause && { cause }) }),
      );
    });
  }
}

/** The runner of each actor system, so that one provided machine serves all instances of a process. */
const runners = new WeakMap<object, EffectRunner>();

export function registerRunner(system: object, runner: EffectRunner): void {
  runners.set(system, runner);
}

export function runnerOf(system: object): EffectRunner {
  const runner = runners.get(system);
  if (!runner) throw new Error('a chart runs without a runner for its effects');
  return runner;
}
