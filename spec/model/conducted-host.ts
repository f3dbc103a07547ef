/**
 * A compute host of a path's own, which can be ended, or lost, and started anew: what it held goes on without it, as guests
 * do.
 */
import { startCompute } from '../../actors/compute/compute.ts';
import { hostKey } from '../../actors/records/keys.ts';
import type { ReportedPowerState } from '../../machines/instance.ts';
import { eventually } from '../support/test-cloud.ts';
import { ConductedClock } from './conducted-clock.ts';
import type { ConductedCloud, ConductedPart } from './conducted-cloud.ts';
import { ConductedHypervisor } from './conducted-hypervisor.ts';
import type { Conductor } from './conductor.ts';

const plenty = { vcpus: 64, memoryMb: 262_144, diskGb: 4096 };

export class ConductedHost {
  readonly hypervisor: ConductedHypervisor;
  readonly clock = new ConductedClock();
  readonly name: string;
  readonly #world: ConductedCloud;
  readonly #zone: string;
  readonly #isFull: boolean;
  #part: ConductedPart | undefined;
  /** What is left of a process that has died. */
  #remains: ConductedPart | undefined;

  constructor(world: ConductedCloud, conductor: Conductor, place: { name: string; zone: string; isFull: boolean }) {
    this.#world = world;
    this.name = place.name;
    this.#zone = place.zone;
    this.#isFull = place.isFull;
    this.hypervisor = new ConductedHypervisor(conductor);
  }

  /** Resolves when it has looked at its instances, since what it is told before it does not hear, and when it is known of. */
  async start(): Promise<void> {
    await this.#bury();
    const begin = Date.now();
    const capacity = this.#isFull ? { ...plenty, memoryMb: 1 } : plenty;
    const { hypervisor } = this;
    const recovery = { rebootedGuests: 'start' as const };
    const options = { name: this.name, availabilityZone: this.#zone, hypervisor, capacity, recovery };
    this.#part = await this.#world.start((runtime) => startCompute(runtime, options), this.clock);
    const view = await this.#world.cloud.runtime.store.view('host');
    const { revision } = await eventually(() => {
      const host = view.entry(hostKey(this.name));
      return host && host.value.startedAt >= begin && host.value.hypervisorState === 'up' ? host : undefined;
    });
    await this.#world.isKnown(revision);
  }

  async stop(): Promise<void> {
    await this.#part?.stop();
    this.#part = undefined;
    await this.#bury();
  }

  /** Its process is gone from one moment to the next: resolves when everybody holds the host for dead. */
  async die(): Promise<void> {
    this.#remains = this.#part;
    this.#part = undefined;
    await this.#remains?.die();
    await this.#world.isDown(this.name);
  }

  /** As `start`, on a machine on which the guest has become this meanwhile. */
  async comeBack(uuid: string, powerState: ReportedPowerState): Promise<void> {
    await this.#bury();
    await this.hypervisor.connect();
    await this.hypervisor.become(uuid, powerState);
    await this.start();
  }

  /** What had begun in the process ends with it, as far as it waits for nobody. */
  async #bury(): Promise<void> {
    await this.#remains?.stop();
    this.#remains = undefined;
  }
}
