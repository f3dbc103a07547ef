/**
 * Watches the machines of all processes for those who want to see them, and only while somebody does. Keeps how each
 * stands, so that whoever comes late can be shown what there is.
 */
import { toFailure } from '../../machines/failure.ts';
import { every } from '../../transport/clock.ts';
import type { Change, InspectionSource, WatchedActor, Watching } from '../../transport/http/inspection-source.ts';
import { type Frame, inspection, mostNames } from '../../transport/messages/inspection.ts';
import type { Message } from '../../transport/nats/bus.ts';
import { any, inspectedProcess, subjects } from '../../transport/nats/subjects.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { InspectionClient } from './inspection-client.ts';
import { mostActors, type WatchedChange, WatchedProcess } from './watched-process.ts';

/** What the processes are told of those who watch. */
interface Asked {
  watcher: string;
  /** Absent: all. */
  machines: string[] | undefined;
}

/** How often it is said that somebody still watches (ms). */
const renewMs = 2_000;
/** For how long whoever hears it may believe it (ms). */
const leaseMs = 3 * renewMs;
/** How often a process may fail to answer before it is taken for gone. */
const mostSilent = 3;
/** How many processes are watched at most: any that has more names is no part of a cloud. */
const mostProcesses = 4_096;

export class InspectionWatch implements InspectionSource {
  readonly #runtime: Pick<Runtime, 'bus' | 'clock' | 'chance' | 'logger'>;
  readonly #clients = new Set<InspectionClient>();
  readonly #processes = new Map<string, WatchedProcess>();
  #asked: Asked | undefined;
  #hasMissed = false;
  #stopListening = () => {};

  constructor(runtime: Pick<Runtime, 'bus' | 'clock' | 'chance' | 'logger'>) {
    this.#runtime = runtime;
  }

  watch(machine: string | undefined, listener: (changes: readonly Change[]) => void): Watching {
    const client = new InspectionClient(machine, listener, this.#processes.values());
    this.#clients.add(client);
    if (this.#clients.size === 1) this.#listen();
    this.#askIfNew();
    return {
      actors: () => this.#actorsOf(client),
      end: () => {
        if (!this.#clients.delete(client)) return;
        if (this.#clients.size === 0) this.stop();
        else this.#askIfNew();
      },
    };
  }

  /** Nobody watches any more. */
  stop(): void {
    this.#stopListening();
    if (this.#asked) this.#say(this.#asked, 0);
    this.#asked = undefined;
    this.#clients.clear();
    this.#processes.clear();
  }

  #listen(): void {
    const { bus, clock } = this.#runtime;
    const frames = bus.subscribe(subjects.inspectionFrame(any, any), (message) => this.#hear(message));
    const stopRenewing = every(clock, renewMs, async () => this.#renew());
    this.#stopListening = () => {
      frames.unsubscribe();
      stopRenewing();
    };
  }

  #renew(): void {
    for (const [name, process] of this.#processes) {
      if (process.silence++ < mostSilent) {
        if (!process.makeRoom()) continue;
        this.#hasMissed = true;
        this.#deliver(process, []);
      } else {
        this.#processes.delete(name);
        this.#deliver(process, process.close());
      }
    }
    if (this.#hasMissed) this.#askAnew();
    else if (this.#asked) this.#say(this.#asked, leaseMs);
  }

  #askIfNew(): void {
    if (!this.#asked || String(this.#asked.machines) !== String(this.#wanted())) this.#askAnew();
  }

  /** Under another name, so that everybody tells of all that is wanted from the beginning. */
  #askAnew(): void {
    const before = this.#asked;
    this.#hasMissed = false;
    this.#asked = { watcher: this.#runtime.chance.uuid(), machines: this.#wanted() };
    this.#say(this.#asked, leaseMs);
    if (before) this.#say(before, 0);
  }

  #wanted(): string[] | undefined {
    const machines = new Set<string>();
    for (const { machine } of this.#clients) {
      if (machine === undefined) return undefined;
      machines.add(machine);
    }
    return machines.size > mostNames ? undefined : [...machines].toSorted();
  }

  #say({ watcher, machines }: Asked, leaseMs: number): void {
    const watch = { watcher, leaseMs, ...(machines && { machines }) };
    this.#runtime.bus.send(subjects.inspectionWatch(), inspection.watch.encode(watch), { isPerishable: true });
  }

  #hear({ subject, data }: Message): void {
    if (!this.#asked) return;
    let frame: Frame;
    try {
      frame = inspection.frame.decode(data);
    } catch (error) {
      this.#runtime.logger.warn({ subject, failure: toFailure(error) }, 'what machines do cannot be understood');
      return;
    }
    const process = this.#process(inspectedProcess(subject));
    if (!process) return;
    process.silence = 0;
    if (process.comesAfterGap(frame)) this.#hasMissed = true;
    const wasWhole = process.more === undefined;
    this.#deliver(process, process.take(frame, this.#asked.watcher));
    if (wasWhole && process.more) {
      this.#runtime.logger.warn({ subject, mostActors }, 'a process has more actors than are shown');
    }
  }

  #process(name: string): WatchedProcess | undefined {
    const known = this.#processes.get(name);
    if (known || this.#processes.size >= mostProcesses) return known;
    const process = new WatchedProcess(name);
    this.#processes.set(name, process);
    return process;
  }

  #deliver(process: WatchedProcess, changes: readonly WatchedChange[]): void {
    for (const client of this.#clients) client.take(process, changes);
  }

  *#actorsOf(client: InspectionClient): Iterable<WatchedActor> {
    for (const process of this.#processes.values()) yield* client.actorsOf(process);
  }
}
