/**
 * How far the watch of a bucket has come. It tells of versions in their order, but leaves out one that was replaced, and
 * dropped by the server, before its turn came: until its successor comes, what is shown is older than either. So whoever
 * waits for a revision waits, after a gap, until the watch has come to all that was written by then without another one.
 */
import { fail } from '../../machines/failure.ts';
import { type Clock, every } from '../clock.ts';

/** How long (ms) who does not say otherwise waits for what was written. */
export const standardPatienceMs = 5_000;

/** How long (ms) an answer of the store is waited for before it is taken for lost, and asked for once more. */
const askAnewMs = 500;

export interface WatchedBucket {
  readonly name: string;
  /** The revision of the bucket's latest write of all. */
  lastRevision(): Promise<number>;
}

/** Somebody waits for the watch to come to a revision. */
interface Waiter {
  revision: number;
  resolve: () => void;
}

/** Whether somebody still waits. A signal would say it too, and cost more than all else of it. */
interface Patience {
  isOver: boolean;
  /** What is waited for just now. */
  waiter: Waiter | undefined;
}

export class WatchProgress {
  readonly #bucket: WatchedBucket;
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();
  #revision = 0;
  /** How often something was left out, and of how many of these times the successors have come. */
  #gaps = 0;
  #closedGaps = 0;
  #asking: Promise<unknown> = Promise.resolve();
  #askedNext: Promise<number> | undefined;

  constructor(bucket: WatchedBucket, clock: Clock) {
    this.#bucket = bucket;
    this.#clock = clock;
  }

  /** The revision that was told of last. */
  get revision(): number {
    return this.#revision;
  }

  /** Takes note of a version that is told of. */
  comeTo(revision: number): void {
    if (revision > this.#revision + 1) this.#gaps += 1;
    this.#revision = Math.max(this.#revision, revision);
    for (const waiter of this.#waiting) {
      if (waiter.revision > this.#revision) continue;
      this.#waiting.delete(waiter);
      waiter.resolve();
    }
  }

  /** Whether all that was written up to `revision` is shown, or what has replaced it. */
  shows(revision: number): boolean {
    return revision <= this.#revision && this.#closedGaps === this.#gaps;
  }

  /** Resolves when that is so; rejects with `timeout` after `timeoutMs`. */
  async reached(revision: number, timeoutMs?: number): Promise<void> {
    if (this.shows(revision)) return;
    await this.#within(timeoutMs, async (patience) => {
      await this.#told(revision, patience);
      if (this.#closedGaps < this.#gaps) await this.#catchUp(patience);
    });
  }

  /** Resolves when all that was written by now is shown, or what has replaced it; rejects with `timeout`. */
  async caughtUp(timeoutMs?: number): Promise<void> {
    await this.#within(timeoutMs, (patience) => this.#catchUp(patience));
  }

  /**
   * Resolves when the watch has come past all that was written by now; rejects with `timeout`. Of what was left out on the
   * way the successors may be still to come.
   */
  async passed(timeoutMs?: number): Promise<void> {
    await this.#within(timeoutMs, async (patience) => this.#told(await this.#lastRevision(), patience));
  }

  async #catchUp(patience: Patience): Promise<void> {
    let before: number;
    do {
      before = this.#gaps;
      await this.#told(await this.#lastRevision(), patience);
    } while (before < this.#gaps);
    this.#closedGaps = before;
  }

  /** Never settles when nobody waits any more: nothing more is begun for nobody. */
  #told(revision: number, patience: Patience): Promise<void> {
    return new Promise((resolve) => {
      if (patience.isOver) return;
      if (revision <= this.#revision) return resolve();
      patience.waiter = { revision, resolve };
      this.#waiting.add(patience.waiter);
    });
  }

  /** Asked once for all who ask while an answer is under way, which may be older than their question. */
  #lastRevision(): Promise<number> {
    const ask = () => {
      this.#asking = this.#askedNext ?? Promise.resolve();
      this.#askedNext = undefined;
      return this.#askedUntilAnswered();
    };
    this.#askedNext ??= this.#asking.then(ask, ask);
    return this.#askedNext;
  }

  /** An answer that is lost with the link that it was to come by is missed only after seconds, in which others wait to ask. */
  async #askedUntilAnswered(): Promise<number> {
    const first = Promise.withResolvers<number>();
    const ask = () => void this.#bucket.lastRevision().then(first.resolve, first.reject);
    ask();
    const stopAsking = every(this.#clock, askAnewMs, async () => ask());
    try {
      return await first.promise;
    } finally {
      stopAsking();
    }
  }

  async #within(timeoutMs = standardPatienceMs, work: (patience: Patience) => Promise<void>): Promise<void> {
    const patience: Patience = { isOver: false, waiter: undefined };
    const late = Promise.withResolvers<never>();
    const cancel = this.#clock.after(timeoutMs, () =>
      late.reject(fail('timeout', `the view of ${this.#bucket.name} is late`, { disposition: 'retry' })),
    );
    try {
      await Promise.race([work(patience), late.promise]);
    } finally {
      cancel();
      patience.isOver = true;
      if (patience.waiter) this.#waiting.delete(patience.waiter);
    }
  }
}
