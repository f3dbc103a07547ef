/** Watches from outside what simulated hosts hold: reads their journals as they grow. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { journalFile, parseLines } from '../../actors/simulated/guest-journal.ts';
import type { PowerState, ReportedPowerState } from '../../machines/instance.ts';
import type { GuestsOfHosts } from '../checker/double-watch.ts';
import type { GuestSeen } from '../checker/history.ts';
import type { HeldGuest } from '../checker/remains.ts';

type Kept = Map<string, Map<string, unknown>>;

const everyMs = 100;

export class JournalWatch implements GuestsOfHosts {
  readonly hosts: readonly string[];
  readonly #journals: { host: string; journal: Journal }[];
  readonly #seen = new Map<string, ReportedPowerState>();
  #timer: NodeJS.Timeout | undefined;
  #tell: (seen: GuestSeen) => void = () => {};

  constructor(stateDir: string, hosts: readonly string[]) {
    this.hosts = hosts;
    this.#journals = hosts.map((host) => ({ host, journal: new Journal(journalFile(stateDir, host)) }));
  }

  /** Tells of every domain that comes, goes or changes, soon after it did. */
  follow(tell: (seen: GuestSeen) => void): void {
    this.#tell = tell;
    this.#timer = setInterval(() => this.look(), everyMs);
  }

  /** As it was seen last. */
  powerState(host: string, uuid: string): ReportedPowerState {
    return this.#seen.get(`${host} ${uuid}`) ?? 'absent';
  }

  uuidsOn(host: string): string[] {
    const there = [...this.#seen].filter(([key, powerState]) => key.startsWith(`${host} `) && powerState !== 'absent');
    return there.map(([key]) => key.slice(host.length + 1));
  }

  /** What the hosts hold now. */
  held(): HeldGuest[] {
    return this.#journals.flatMap(({ host, journal }) => guestsOf(host, journal.read()));
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { journal } of this.#journals) journal.close();
  }

  /**
   * Tells what is another than before; first what is gone. Read twice: what a host held at both times it held while the
   * others were read, so that an instance on its way from one to another is never seen on both.
   */
  look(): void {
    const first = powerStates(this.held());
    const now = powerStates(this.held());
    const at = Date.now();
    const changes: GuestSeen[] = [];
    for (const key of new Set([...this.#seen.keys(), ...now.keys()])) {
      const powerState = first.has(key) ? (now.get(key) ?? 'absent') : 'absent';
      if (powerState === (this.#seen.get(key) ?? 'absent')) continue;
      this.#seen.set(key, powerState);
      const [host = '', uuid = ''] = key.split(' ');
      changes.push({ at, host, uuid, powerState });
    }
    for (const seen of changes.sort((one, other) => order(one) - order(other))) this.#tell(seen);
  }
}

const order = ({ powerState }: GuestSeen) => (powerState === 'absent' ? 0 : 1);

function powerStates(guests: HeldGuest[]): Map<string, ReportedPowerState> {
  return new Map(guests.map(({ host, uuid, powerState }) => [`${host} ${uuid}`, powerState]));
}

/** What is held of guests; the rest is the host's own. */
const ofGuests = ['domain', 'filter', 'disk', 'earlier disk'];

function guestsOf(host: string, kept: Kept): HeldGuest[] {
  const guests = new Map<string, HeldGuest>();
  for (const what of ofGuests) {
    for (const [uuid, value] of kept.get(what) ?? []) {
      const guest = guests.get(uuid) ?? { host, uuid, powerState: 'absent', held: [] };
      guest.held.push(what);
      if (what === 'domain') guest.powerState = (value as { powerState: PowerState }).powerState;
      guests.set(uuid, guest);
    }
  }
  return [...guests.values()];
}

/** One file, which another process appends to, and replaces by a shorter one when it starts. */
class Journal {
  readonly #path: string;
  #descriptor: number | undefined;
  #offset = 0;
  #rest = '';
  #kept: Kept = new Map();

  constructor(path: string) {
    this.#path = path;
  }

  read(): Kept {
    this.#follow();
    if (this.#descriptor === undefined) return this.#kept;
    const bytes = Buffer.alloc(fstatSync(this.#descriptor).size - this.#offset);
    const count = readSync(this.#descriptor, bytes, 0, bytes.length, this.#offset);
    this.#offset += count;
    const text = this.#rest + bytes.toString('utf8', 0, count);
    const end = text.lastIndexOf('\n') + 1;
    this.#rest = text.slice(end);
    for (const [kind, key, value] of parseLines(text.slice(0, end))) this.#take(kind, key, value);
    return this.#kept;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #take(kind: string, key: string, value: unknown): void {
    const byKey = this.#kept.get(kind) ?? new Map<string, unknown>();
    this.#kept.set(kind, byKey);
    if (value === undefined) byKey.delete(key);
    else byKey.set(key, value);
  }

  #follow(): void {
    const there = statSync(this.#path, { throwIfNoEntry: false });
    if (!there) return;
    if (this.#descriptor !== undefined && fstatSync(this.#descriptor).ino === there.ino) return;
    this.close();
    this.#descriptor = openSync(this.#path, 'r');
    this.#offset = 0;
    this.#rest = '';
    this.#kept = new Map();
  }
}
