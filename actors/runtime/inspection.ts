/**
 * Lets the machines of a part be watched. Nothing is told, and no actor is observed, but while somebody's lease is valid.
 *
 * An actor lives only while an effect is under way. So a machine that rests, as most instances on a host do, is told of as
 * its record has it, and goes on as the same actor when it is woken. What a controller works on does not rest with it:
 * it is stopped when that is done, and whoever works on it next tells of it as of another one.
 */
import type { AnyActor } from 'xstate';
import { toFailure } from '../../machines/failure.ts';
import { type Clock, sleep } from '../../transport/clock.ts';
import { inspection, mostEvents, type Watch } from '../../transport/messages/inspection.ts';
import type { Message, Subscription } from '../../transport/nats/bus.ts';
import { inspectedProcess, subjects } from '../../transport/nats/subjects.ts';
import { InspectionFrames } from './inspection-frames.ts';
import type { Logger } from './logger.ts';
import { definitions, type Inspected, MachineTeller } from './machine-teller.ts';
import type { Runtime } from './runtime.ts';

interface Watcher {
  /** Absent: all. */
  machines: ReadonlySet<string> | undefined;
  cancelLease: () => void;
}

interface Live {
  actor: AnyActor;
  /** Ends the telling, where somebody watches. */
  unfollow?: (() => void) | undefined;
}

/** How many may watch at a time: more are not heeded. */
const mostWatchers = 32;
/** How long to wait between the frames that tell a new watcher what there is (ms). */
const paceMs = 5;

export class Inspection {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #frames: InspectionFrames;
  readonly #teller: MachineTeller;
  readonly #all: (() => Iterable<Inspected>) | undefined;
  readonly #live = new Map<Inspected, Live>();
  readonly #watchers = new Map<string, Watcher>();
  readonly #subscription: Subscription;

  /** `part`: its user on the bus. `all`: what it has, also at rest; absent: only what it works on is its own. */
  constructor({ bus, clock, logger, incarnation }: Runtime, part: string, all?: () => Iterable<Inspected>) {
    this.#clock = clock;
    this.#logger = logger;
    this.#all = all;
    const subject = subjects.inspectionFrame(part, incarnation.slice(0, 8));
    this.#frames = new InspectionFrames(bus, logger, subject);
    this.#teller = new MachineTeller(inspectedProcess(subject), {
      clock,
      logger,
      isStopTold: all === undefined,
      tell: (told) => {
        if (this.#watchers.size > 0) this.#frames.add(told);
      },
    });
    this.#subscription = bus.subscribe(subjects.inspectionWatch(), (message) => this.#hear(message));
  }

  /** It has an actor from now on. */
  wakes(machine: Inspected, actor: AnyActor): void {
    const live: Live = { actor };
    this.#live.set(machine, live);
    if (this.#isWatched(machine)) this.#follow(machine, live);
  }

  /** Its actor is being stopped: there is nothing to do for now. What the present event leads to is told still. */
  rests(machine: Inspected): void {
    this.#live.delete(machine);
  }

  /** The part has it no longer. */
  leaves(machine: Inspected): void {
    this.#live.delete(machine);
    if (this.#isWatched(machine)) this.#teller.dismiss(machine);
  }

  stop(): void {
    this.#subscription.unsubscribe();
    if (this.#watchers.size > 0) this.#frames.send();
    for (const name of [...this.#watchers.keys()]) this.#end(name);
  }

  #hear({ data }: Message): void {
    let watch: Watch;
    try {
      watch = inspection.watch.decode(data);
    } catch (error) {
      this.#logger.warn({ failure: toFailure(error) }, 'somebody who wants to watch cannot be understood');
      return;
    }
    const { watcher: name, leaseMs, machines } = watch;
    const known = this.#watchers.get(name);
    if (leaseMs === 0) {
      this.#end(name);
    } else if (known) {
      known.cancelLease();
      known.cancelLease = this.#lease(name, leaseMs);
      this.#frames.send();
    } else if (this.#watchers.size < mostWatchers) {
      this.#watchers.set(name, { machines: machines && new Set(machines), cancelLease: this.#lease(name, leaseMs) });
      void this.#tellAll(name);
    }
  }

  #lease(name: string, ms: number): () => void {
    return this.#clock.after(ms, () => this.#end(name));
  }

  #end(name: string): void {
    this.#watchers.get(name)?.cancelLease();
    if (!this.#watchers.delete(name)) return;
    for (const [machine, live] of this.#live) {
      if (this.#isWatched(machine)) continue;
      live.unfollow?.();
      live.unfollow = undefined;
    }
    if (this.#watchers.size === 0) this.#frames.miss();
  }

  /** What works is followed from now on; what rests is told of bit by bit: there may be thousands. */
  async #tellAll(name: string): Promise<void> {
    this.#frames.send({ definitions });
    for (const [machine, live] of this.#live) if (this.#wants(name, machine)) this.#follow(machine, live);
    let told = 0;
    for (const machine of this.#all?.() ?? []) {
      // What was woken meanwhile was told of then.
      if (this.#live.has(machine) || !this.#wants(name, machine)) continue;
      this.#teller.introduce(machine);
      told += 1;
      if (told % mostEvents === 0) await sleep(this.#clock, paceMs);
    }
    if (this.#watchers.has(name)) this.#frames.send({ whole: name });
  }

  #follow(machine: Inspected, live: Live): void {
    this.#teller.introduce(machine);
    live.unfollow?.();
    live.unfollow = this.#teller.follow(machine, live.actor);
  }

  #isWatched(machine: Inspected): boolean {
    for (const name of this.#watchers.keys()) if (this.#wants(name, machine)) return true;
    return false;
  }

  #wants(name: string, { inspectedAs }: Inspected): boolean {
    const watcher = this.#watchers.get(name);
    return watcher !== undefined && (watcher.machines?.has(inspectedAs) ?? true);
  }
}
