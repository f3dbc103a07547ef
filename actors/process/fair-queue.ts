/**
 * Work that is done one piece after the other, for who may ask for more than can be done. When too much waits, the latest
 * piece of whoever has the most waiting is refused: nobody keeps others from their turn by asking often.
 *
 * Who asks is a path, such as a client and one of those it asks for: who says to be many has the share of one.
 */
import type { FailureError } from '../../machines/failure.ts';
import { SerialQueue } from './serial-queue.ts';

interface Waiting {
  readonly asker: readonly string[];
  readonly ending: AbortController;
}

export class FairQueue {
  readonly #mostWaiting: number;
  readonly #refusal: () => FailureError;
  readonly #queue = new SerialQueue();
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();

  constructor(mostWaiting: number, refusal: () => FailureError) {
    this.#mostWaiting = mostWaiting;
    this.#refusal = refusal;
  }

  /** Rejects with the refusal when too much waits, now or before it is its turn. */
  async run<T>(asker: readonly string[], work: () => Promise<T>): Promise<T> {
    const waiting: Waiting = { asker, ending: new AbortController() };
    this.#waiting.add(waiting);
    if (this.#waiting.size > this.#mostWaiting) this.#refuse(latestOfMost([...this.#waiting]));
    return this.#queue.run('', waiting.ending.signal, () => {
      this.#waiting.delete(waiting);
      return work();
    });
  }

  #refuse(waiting: Waiting | undefined): void {
    if (!waiting) return;
    this.#waiting.delete(waiting);
    waiting.ending.abort(this.#refusal());
  }
}

/** Of those with the most, by each part of the path in turn; of several with as many, who came last. */
function latestOfMost(waiting: Waiting[]): Waiting | undefined {
  let rest = waiting;
  for (let depth = 0; rest.some(({ asker }) => depth < asker.length); depth++) {
    const groups = Map.groupBy(rest, ({ asker }) => asker[depth]);
    const most = Math.max(...[...groups.values()].map(({ length }) => length));
    const latest = rest.findLast(({ asker }) => groups.get(asker[depth])?.length === most);
    rest = groups.get(latest?.asker[depth]) ?? [];
  }
  return rest.at(-1);
}
