/** One who watches machines: what it is shown of each process, and what stands for that which it is not. */
import type { Change, WatchedActor } from '../../transport/http/inspection-source.ts';
import { KnownActor, type WatchedChange, type WatchedProcess } from './watched-process.ts';

export class InspectionClient {
  /** Absent: all. */
  readonly machine: string | undefined;
  readonly #listener: (changes: readonly Change[]) => void;
  /** Its own: what it watches may come to be shown while others still miss what they watch. */
  readonly #standIns = new Map<WatchedProcess, KnownActor>();

  /** `processes`: those that there are already. */
  constructor(
    machine: string | undefined,
    listener: (changes: readonly Change[]) => void,
    processes: Iterable<WatchedProcess>,
  ) {
    this.machine = machine;
    this.#listener = listener;
    for (const process of processes) this.#standInChange(process);
  }

  /** Machines before their effects. */
  *actorsOf(process: WatchedProcess): Iterable<WatchedActor> {
    for (const actor of process.actors()) if (this.#isWatched(actor)) yield actor;
    const standIn = this.#standIns.get(process);
    if (standIn) yield standIn;
  }

  /** Told how the process has changed, also when it is only whether there is room for all of its actors. */
  take(process: WatchedProcess, changes: readonly WatchedChange[]): void {
    const seen = changes.filter(({ actor }) => this.#isWatched(actor));
    const standIn = this.#standInChange(process);
    if (standIn) seen.push(standIn);
    if (seen.length > 0) this.#listener(seen);
  }

  #isWatched({ machine }: KnownActor): boolean {
    return this.machine === undefined || this.machine === machine;
  }

  /** That it begins or ends to miss what it watches of the process. */
  #standInChange(process: WatchedProcess): WatchedChange | undefined {
    const known = this.#standIns.get(process);
    const isShown = this.machine !== undefined && process.shows(this.machine);
    const more = isShown ? undefined : process.more;
    if (known && !more) {
      this.#standIns.delete(process);
      return { actor: known, told: known.end() };
    }
    if (known || !more) return undefined;
    const standIn = new KnownActor(more, undefined, undefined);
    this.#standIns.set(process, standIn);
    return { actor: standIn, told: more };
  }
}
