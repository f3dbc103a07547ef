/**
 * Which numbers of a range are free: a bit set under a tree of summaries, so that the next free one is found in a few
 * steps however large the range and however full it is.
 */

/** The largest range that is kept; of a larger one only so many from its start are given out. 2 MiB of bits. */
const largestRange = 2 ** 24;

export class AddressPool {
  readonly first: number;
  readonly size: number;
  /** Bottom up: a bit of the first says that a number is free, a bit of the next that a word of the one below is not 0. */
  readonly #levels: Uint32Array[] = [];
  #free = 0;

  /** All of `first` to `last`, both included, are free. */
  constructor(first: number, last: number) {
    this.first = first;
    this.size = Math.min(Math.max(last - first + 1, 0), largestRange);
    for (let bits = Math.max(this.size, 1); ; bits = Math.ceil(bits / 32)) {
      this.#levels.push(new Uint32Array(Math.ceil(bits / 32)));
      if (bits <= 32) break;
    }
    for (let number = first; number < first + this.size; number++) this.free(number);
  }

  get freeCount(): number {
    return this.#free;
  }

  /** A no-op for a number that is free already, or not of the range. */
  free(number: number): void {
    let index = number - this.first;
    if (index < 0 || index >= this.size || this.#isSet(0, index)) return;
    this.#free++;
    for (const words of this.#levels) {
      const word = index >>> 5;
      const before = words[word] ?? 0;
      words[word] = before | (1 << (index & 31));
      if (before !== 0) return;
      index = word;
    }
  }

  /** A no-op for a number that is taken already, or not of the range. */
  take(number: number): void {
    let index = number - this.first;
    if (index < 0 || index >= this.size || !this.#isSet(0, index)) return;
    this.#free--;
    for (const words of this.#levels) {
      const word = index >>> 5;
      const after = (words[word] ?? 0) & ~(1 << (index & 31));
      words[word] = after;
      if (after !== 0) return;
      index = word;
    }
  }

  /** Takes the first free number from `fraction` of the way on, and round again; nothing when none is free. */
  takeNext(fraction: number): number | undefined {
    const from = Math.floor(fraction * this.size);
    const index = this.#findFrom(from) ?? this.#findFrom(0);
    if (index === undefined) return undefined;
    this.take(this.first + index);
    return this.first + index;
  }

  #isSet(level: number, index: number): boolean {
    return (((this.#levels[level]?.[index >>> 5] ?? 0) >>> (index & 31)) & 1) === 1;
  }

  #findFrom(from: number): number | undefined {
    let level = 0;
    let index = from;
    for (;;) {
      const words = this.#levels[level];
      if (!words) return undefined;
      const rest = (words[index >>> 5] ?? 0) & (-1 << (index & 31));
      if (rest !== 0) {
        index = (index & ~31) + lowestBit(rest);
        break;
      }
      index = (index >>> 5) + 1;
      level++;
    }
    while (level > 0) {
      level--;
      index = index * 32 + lowestBit(this.#levels[level]?.[index] ?? 0);
    }
    return index;
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
