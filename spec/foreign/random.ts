/** Chance that a seed makes again: Marsaglia's xorshift, which is enough to choose with. */

export class Random {
  #state: number;

  constructor(seed: number) {
    // Zero would stay zero.
    this.#state = seed >>> 0 || 1;
  }

  /** From 0 to below `limit`. */
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return Math.floor(((this.#state >>> 0) / 2 ** 32) * limit);
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(share: number): boolean {
    return this.below(1_000) < share * 1_000;
  }

  pick<T>(choices: readonly T[]): T {
    if (choices.length === 0) throw new RangeError('there is nothing to choose from');
    return choices[this.below(choices.length)] as T;
  }

  word(): string {
    return Array.from({ length: this.between(3, 10) }, () => this.pick([...'abcdefghijklmnopqrstuvwxyz'])).join('');
  }

  hex(length: number): string {
    return Array.from({ length }, () => this.pick([...'0123456789abcdef'])).join('');
  }
}
