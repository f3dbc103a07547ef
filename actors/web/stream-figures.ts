/**
 * What NATS itself counts: the messages that its streams have stored, and how many casts wait for each part. Calls are
 * not stored, and so not counted by anybody.
 */
import { every } from '../../transport/clock.ts';
import type { Statistics } from '../../transport/messages/statistics.ts';
import { answered } from '../../transport/nats/store-answer.ts';
import { decodeToken, streams } from '../../transport/nats/subjects.ts';
import type { Runtime } from '../runtime/runtime.ts';

const lookEveryMs = 10_000;
/** Rates are of the last minute. */
const mostLooks = 7;

/** How many messages were ever stored, at a time (epoch ms). */
interface Look {
  at: number;
  casts: number;
  facts: number;
}

/** The casts of a consumer: not delivered yet, and delivered but not acknowledged. */
export interface QueueDepth {
  consumer: string;
  waiting: number;
  inHand: number;
}

export class StreamFigures {
  readonly #runtime: Pick<Runtime, 'bus' | 'clock'>;
  readonly #looks: Look[] = [];
  readonly #stopLooking: () => void;

  constructor(runtime: Pick<Runtime, 'bus' | 'clock'>) {
    this.#runtime = runtime;
    const look = () => this.#look().catch(() => undefined);
    void look();
    this.#stopLooking = every(runtime.clock, lookEveryMs, look);
  }

  /** Messages stored since the stream was made. Rejects with `unavailable`. */
  async stored(): Promise<Record<'casts' | 'facts', number>> {
    const { manager } = this.#runtime.bus.nats;
    const [casts, facts] = await answered(
      Promise.all([manager.streams.info(streams.casts.name), manager.streams.info(streams.facts.name)]),
    );
    return { casts: casts.state.last_seq, facts: facts.state.last_seq };
  }

  /** Rejects with `unavailable`. */
  async queues(): Promise<QueueDepth[]> {
    const found: QueueDepth[] = [];
    for await (const each of this.#runtime.bus.nats.manager.consumers.list(streams.casts.name)) {
      found.push({
        consumer: ofWhom(each.name),
        waiting: each.num_pending,
        inHand: each.num_ack_pending,
      });
    }
    return found;
  }

  /** Nothing before it has looked twice. */
  rates(): Statistics['messages'] {
    const [first, last] = [this.#looks[0], this.#looks.at(-1)];
    if (!first || !last || last.at <= first.at) return undefined;
    const perSecond = (what: 'casts' | 'facts') =>
      Math.max(0, Math.round(((last[what] - first[what]) / (last.at - first.at)) * 100_000) / 100);
    return { castsPerSecond: perSecond('casts'), factsPerSecond: perSecond('facts') };
  }

  stop(): void {
    this.#stopLooking();
  }

  async #look(): Promise<void> {
    const look = { at: this.#runtime.clock.now(), ...(await this.stored()) };
    const before = this.#looks.at(-1);
    // A store that was put back counts anew.
    if (before && (look.casts < before.casts || look.facts < before.facts)) this.#looks.length = 0;
    this.#looks.push(look);
    if (this.#looks.length > mostLooks) this.#looks.shift();
  }
}

/** `compute-<token>` → `compute <host>`. */
function ofWhom(consumer: string): string {
  const [, token] = /^compute-(.+)$/.exec(consumer) ?? [];
  return token === undefined ? consumer : `compute ${decodeToken(token)}`;
}
