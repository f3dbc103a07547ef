/**
 * The time of a simulated world: it stands still while anything can still happen at an instant, and then jumps to the
 * next instant for which something is arranged. What is arranged for the same instant happens in the order in which it
 * was arranged, so that a world of the same seed is the same world.
 */

interface Arranged {
  at: number;
  order: number;
  callback: (() => void) | undefined;
}

/** A world of an hour, in which much goes wrong, has some hundred thousand. */
const mostInstants = 3_000_000;

export class SimulatedTime {
  #now: number;
  #order = 0;
  #instants = 0;
  readonly #heap: Arranged[] = [];

  /** `startAt`: epoch ms. */
  constructor(startAt: number) {
    this.#now = startAt;
  }

  now(): number {
    return this.#now;
  }

  /** Calls back once, after `ms`; returns the function that cancels. */
  after(ms: number, callback: () => void): () => void {
    const arranged: Arranged = { at: this.#now + Math.max(0, Math.round(ms)), order: this.#order++, callback };
    this.#push(arranged);
    return () => {
      arranged.callback = undefined;
    };
  }

  /**
   * Lets time pass until it is `until`, or `isOver`, which is asked at every instant. Throws when so much happens that the
   * world goes round in circles.
   */
  async run(until: number, isOver: () => boolean = () => false): Promise<void> {
    await quiet();
    while (!isOver()) {
      const next = this.#next();
      if (!next || next.at > until) {
        this.#now = until;
        return;
      }
      this.#now = next.at;
      this.#instants += 1;
      if (this.#instants > mostInstants) throw new Error('the world goes round in circles');
      // All of this instant that is arranged by now happens in one go.
      while (this.#heap[0]?.at === this.#now) this.#pop()?.callback?.();
      await quiet();
    }
  }

  /** Most of what is arranged is a deadline that was met: nothing happens then, for which nobody need wait. */
  #next(): Arranged | undefined {
    while (this.#heap[0] && !this.#heap[0].callback) this.#pop();
    return this.#heap[0];
  }

  #push(arranged: Arranged): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(arranged);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(arranged, heap[parent])) break;
      heap[index] = heap[parent] as Arranged;
      index = parent;
    }
    heap[index] = arranged;
  }

  #pop(): Arranged | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || first === last) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (isBefore(heap[child + 1], heap[child])) child += 1;
      if (!isBefore(heap[child], last)) break;
      heap[index] = heap[child] as Arranged;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(one: Arranged | undefined, other: Arranged | undefined): boolean {
  if (!one || !other) return one !== undefined;
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** Resolves when no promise that can be settled now is left unsettled. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
