/**
 * Sees when an instance has active guests on two hosts. While one of them is declared down that may be: nobody can reach
 * it to end its copy. Once it is taken for up again, its copy has to be gone.
 */
import type { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import type { Host } from '../../transport/messages/records.ts';
import type { History } from '../checker/history.ts';

export class DoubleWatch {
  readonly #hypervisors: ReadonlyMap<string, SimulatedHypervisor>;
  readonly #history: History;
  readonly #now: () => number;
  readonly #down = new Set<string>();
  readonly #away = new Set<string>();

  constructor(hypervisors: ReadonlyMap<string, SimulatedHypervisor>, history: History, now: () => number) {
    this.#hypervisors = hypervisors;
    this.#history = history;
    this.#now = now;
  }

  /** Whether a host has yet to return, or to be usable. */
  get isAnyAway(): boolean {
    return this.#away.size > 0;
  }

  /** A host's record was written. */
  hostSeen({ name, down, hypervisorState }: Host): void {
    if (down || hypervisorState !== 'up') this.#away.add(name);
    else this.#away.delete(name);
    if (down) this.#down.add(name);
    else if (this.#down.delete(name)) {
      for (const uuid of this.#hypervisors.get(name)?.leftovers().domains ?? []) this.look(uuid);
    }
  }

  /** Something happened to a guest of the instance. */
  look(uuid: string): void {
    const hosts = [...this.#hypervisors]
      .filter(([host, hypervisor]) => !this.#down.has(host) && isActive(hypervisor, uuid))
      .map(([host]) => host);
    if (hosts.length > 1) this.#history.doubles.push({ at: this.#now(), uuid, hosts });
  }
}

function isActive(hypervisor: SimulatedHypervisor, uuid: string): boolean {
  return ['running', 'paused'].includes(hypervisor.peek(uuid));
}
