/**
 * The lives of a process: each lasts as long as the store that it has seen.
 *
 * What a process holds in memory (views, owners of instances, leases, what it has handed out) is ahead of a store that has
 * lost its last writes, as one may whose server was killed, or that was put back to an earlier time; and a revision that
 * it knows may by now be that of something else. So it mends nothing of it: it ends, as if it were killed, and begins again
 * with what there is, within the process. Nothing that it does there is new to it: every transition is stored before its
 * effect begins, and every effect looks first whether its work is done.
 */
import { FailureError, toFailure } from '../../machines/failure.ts';
import { type Clock, sleep } from '../../transport/clock.ts';
import type { Logger } from './logger.ts';
import type { Part, Runtime } from './runtime.ts';

export interface Life {
  readonly runtime: Runtime;
  /** Parts are stopped in the reverse of the order in which they were added; one that comes too late is so at once. */
  add(part: Part): void;
}

export interface LivesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the lives, also one that has yet to begin. */
  readonly signal?: AbortSignal;
  /**
   * Makes what the parts of a life are given; `isFirst`: nobody has waited for the server yet. The signal aborts when the
   * lives are to end.
   */
  connect(isFirst: boolean, signal: AbortSignal): Promise<Runtime>;
  /** Starts the parts of a life. */
  begin(life: Life): Promise<unknown>;
  /** Called when nothing runs any more, and nothing follows. */
  onEnd?(): Promise<unknown>;
  /** Told why a life has ended that another one follows. */
  onNext?(reason: string): void;
}

/** How long to wait before it is tried again to begin another life (ms). */
const beginAgainMs = 1_000;

export class Lives {
  readonly #options: LivesOptions;
  readonly #stopping = new AbortController();
  readonly #signal: AbortSignal;
  readonly #begun = Promise.withResolvers<void>();
  readonly #living: Promise<void>;
  #runtime: Runtime | undefined;

  /** Resolves when the parts run; rejects with what kept them from starting. */
  static async start(options: LivesOptions): Promise<Lives> {
    const lives = new Lives(options);
    await Promise.race([lives.#begun.promise, lives.#living]);
    return lives;
  }

  private constructor(options: LivesOptions) {
    this.#options = options;
    const { signal: stopping } = this.#stopping;
    this.#signal = options.signal ? AbortSignal.any([stopping, options.signal]) : stopping;
    this.#living = this.#liveOn().finally(() => options.onEnd?.());
    // Nobody may listen yet.
    this.#living.catch(() => undefined);
  }

  /** Of this life, or of the one that was. */
  get runtime(): Runtime {
    if (!this.#runtime) throw new TypeError('nothing has begun yet');
    return this.#runtime;
  }

  /**
   * Resolves when it was stopped; rejects when it must not go on, with the reason. Nothing runs any more by then, but for
   * what was still beginning when it was stopped: that is cut off from the store.
   */
  get ended(): Promise<void> {
    return this.#living;
  }

  /** Resolves when all is stopped in order. More than once is once. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#living.catch(() => undefined);
  }

  async #liveOn(): Promise<void> {
    const { clock, logger, onNext } = this.#options;
    const signal = this.#signal;
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      try {
        const reason = await this.#live(isFirst);
        if (!reason) return;
        logger.info({ failure: reason.failure }, 'beginning again with what is stored');
        onNext?.(reason.failure.message);
      } catch (error) {
        if (signal.aborted) return;
        // A later life has only to wait for a store that answers; what is refused to it stays so.
        if (isFirst || (error instanceof FailureError && error.failure.disposition === 'abort')) throw error;
        logger.warn({ failure: toFailure(error) }, 'it is not possible yet to begin again');
        await sleep(clock, beginAgainMs, signal).catch(() => undefined);
      }
    }
  }

  /** Resolves with why another life is to follow, or with nothing; rejects with why none may. */
  async #live(isFirst: boolean): Promise<FailureError | undefined> {
    const { connect, begin } = this.#options;
    const signal = this.#signal;
    const runtime = await connect(isFirst, signal);
    this.#runtime = runtime;
    const { bus, store } = runtime;
    const parts: Part[] = [];
    const broken = Promise.withResolvers<never>();
    let isOver = false;
    const add = (part: Part) => {
      if (isOver) return void this.#end(part);
      parts.push(part);
      void part.broken?.then(broken.reject);
    };
    let lost: FailureError | undefined;
    const isLost = store.lost.then(async (error) => {
      lost = error;
      await bus.abandon();
    });
    const asked = Promise.withResolvers<void>();
    const heed = () => asked.resolve();
    signal.addEventListener('abort', heed);
    if (signal.aborted) heed();
    let hasBegun = false;
    const beginning = begin({ runtime, add }).then(() => {
      hasBegun = true;
    });
    try {
      await Promise.race([beginning, isLost, broken.promise, asked.promise]);
      if (hasBegun && !lost) this.#begun.resolve();
      await Promise.race([isLost, broken.promise, asked.promise]);
    } catch (error) {
      if (!lost) throw error;
    } finally {
      // What it was about to add is stopped, too. Whoever asks for the end does not wait for it: it ends as if killed.
      await Promise.race([beginning.catch(() => undefined), asked.promise]);
      signal.removeEventListener('abort', heed);
      isOver = true;
      if (signal.aborted && !hasBegun) await bus.abandon();
      for (const part of parts.toReversed()) await this.#end(part);
      await store.close();
      await bus.close();
    }
    return lost;
  }

  /** One that cannot be stopped in order must not keep the others from it. */
  async #end(part: Part): Promise<void> {
    await part.stop().catch((error) => this.#options.logger.error({ error }, 'a part could not be stopped in order'));
  }
}
