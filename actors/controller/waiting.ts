/**
 * Who is seen waiting from one sweep to the next, and how often somebody was told of it. How long one waits is how often it
 * was seen waiting, not what a clock says: a clock that is stepped, or another machine's, gives nothing up.
 */

/** For what one waits, how often it was seen so since the first time, and how often somebody was told. */
export interface Waiting {
  readonly what: string;
  readonly sweeps: number;
  told: number;
}

export class WaitingList {
  #before = new Map<string, Waiting>();
  #now = new Map<string, Waiting>();

  /** Whoever is not seen in the sweep that begins waits no longer. */
  beginSweep(): void {
    this.#before = this.#now;
    this.#now = new Map();
  }

  /** Whoever waits for something else than before has only begun to wait. */
  see(key: string, what: string): Waiting {
    const known = this.#before.get(key);
    const waiting =
      known?.what === what ? { what, sweeps: known.sweeps + 1, told: known.told } : { what, sweeps: 0, told: 0 };
    this.#now.set(key, waiting);
    return waiting;
  }

  forget(key: string): void {
    this.#now.delete(key);
  }
}

/** The first pause before somebody is told again, in sweeps. */
const firstPause = 4;

/** After so many sweeps, and then after pauses that double: whoever cannot hear for long is not to find a pile. */
export function isTimeToTell({ sweeps, told }: Waiting, after: number): boolean {
  return sweeps >= after + firstPause * (2 ** told - 1);
}
