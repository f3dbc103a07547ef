/**
 * What a sweep has found the time before, too. So it knows that something is old without asking a clock, least of all that
 * of another machine: it was there for as long as lies between two sweeps of this process.
 */
export class SeenBefore {
  #last = new Set<string>();

  /** Begins a sweep. The function tells of each key whether the sweep before has asked for it, too. */
  look(): (key: string) => boolean {
    const before = this.#last;
    const now = new Set<string>();
    this.#last = now;
    return (key) => {
      now.add(key);
      return before.has(key);
    };
  }
}
