/**
 * Sees when an instance has active guests on two hosts. While one of them is declared down that may be: nobody can reach
 * it to end its copy. Once it is taken for up again, its copy has to be gone. Of an instance of which the store has lost
 * every record nobody can tell which guest is its own: they are reported, and run on.
 */
import type { ReportedPowerState } from '../../machines/instance.ts';
import type { Host } from '../../transport/messages/records.ts';
import type { History } from './history.ts';

/** What the guests of each host do. */
export interface GuestsOfHosts {
  readonly hosts: readonly string[];
  powerState(host: string, uuid: string): ReportedPowerState;
  /** Those that have a domain there. */
  uuidsOn(host: string): readonly string[];
}

export class DoubleWatch {
  readonly #guests: GuestsOfHosts;
  readonly #history: History;
  readonly #now: () => number;
  readonly #down = new Set<string>();
  readonly #away = new Set<string>();
  readonly #forgotten = new Set<string>();

  constructor(guests: GuestsOfHosts, history: History, now: () => number) {
    this.#guests = guests;
    this.#history = history;
    this.#now = now;
  }

  /** Those that are declared down. */
  get hostsDown(): ReadonlySet<string> {
    return this.#down;
  }

  /** Whether a host has yet to return, or to be usable. */
  get isAnyAway(): boolean {
    return this.#away.size > 0;
  }

  /** A host's record was written. */
  hostSeen({ name, down, hypervisorState }: Host): void {
    if (down || hypervisorState !== 'up') this.#away.add(name);
    else this.#away.delete(name);
    if (hypervisorState === 'up') this.#forgotten.delete(name);
    if (down || this.#forgotten.has(name)) this.#down.add(name);
    else if (this.#down.delete(name)) {
      for (const uuid of this.#guests.uuidsOn(name)) this.look(uuid);
    }
  }

  /** Of its record the store has lost the latest versions: that it was down may be among them. */
  hostWentBack(kept: Host): void {
    if (this.#down.has(kept.name) && !kept.down) this.hostForgotten(kept.name);
    else this.hostSeen(kept);
  }

  /** Nobody knows any more that it was down: so it stays until it is back, and has seen what it has. */
  hostForgotten(name: string): void {
    this.#away.add(name);
    this.#down.add(name);
    this.#forgotten.add(name);
  }

  /** Something happened to a guest of the instance. */
  look(uuid: string): void {
    if (this.#history.isForgotten(uuid)) return;
    const isActive = (host: string) => ['running', 'paused'].includes(this.#guests.powerState(host, uuid));
    const hosts = this.#guests.hosts.filter((host) => !this.#down.has(host) && isActive(host));
    if (hosts.length > 1) this.#history.doubles.push({ at: this.#now(), uuid, hosts });
  }
}
