/** How each fault befalls a simulated world, and how it ends. */
import type { StepName } from '../../actors/simulated/step-script.ts';
import type { Disturbance, History } from '../checker/history.ts';
import type { Action, Fault } from './actions.ts';
import { uuidOf } from './simulated-client.ts';
import { fairWeather } from './simulated-nats.ts';
import type { World } from './world.ts';

/** The steps by which a host that begins sees what it has. */
export const looks: readonly StepName[] = ['connect', 'listGuests', 'listDisks', 'bootId'];

export class Faults {
  readonly #world: World;
  /** What puts right those that last. */
  readonly #ends = new Set<() => void>();

  readonly #disturbances: Disturbance[] | undefined;

  constructor(world: World, { disturbances }: History) {
    this.#world = world;
    this.#disturbances = disturbances;
  }

  befall(fault: Fault & Partial<Action>): void {
    const end = this.#begin(fault);
    const disturbance = this.#disturb(fault);
    if (!end) return;
    const once = () => {
      if (!this.#ends.delete(once)) return;
      end();
      if (disturbance) disturbance.until = this.#world.time.now();
    };
    this.#ends.add(once);
    if ('forMs' in fault) this.#world.time.after(fault.forMs, once);
  }

  /** Everything that is wrong is put right; what went wrong by it is not. */
  heal(): void {
    for (const end of [...this.#ends]) end();
    this.#ends.clear();
  }

  /** Whom it keeps from what they have to do: at once, or when they begin anew. */
  #disturb(fault: Fault): Disturbance | undefined {
    const by = 'process' in fault ? fault.process : 'host' in fault ? fault.host : undefined;
    // A host stores with a controller: without one it can leave no state.
    const of = by?.startsWith('controller') ? undefined : by;
    const isOfGuest = 'instance' in fault || ('step' in fault && !looks.includes(fault.step));
    if (isOfGuest) return undefined;
    const disturbance = {
      ...(of !== undefined && { of }),
      at: this.#world.time.now(),
      until: Number.POSITIVE_INFINITY,
    };
    this.#disturbances?.push(disturbance);
    return disturbance;
  }

  /** Returns what ends it, when it does not end by itself. */
  #begin(fault: Fault): (() => void) | undefined {
    const { nats, processes, hypervisors } = this.#world;
    switch (fault.fault) {
      case 'kill':
        this.#world.kill(fault.process);
        return () => void this.#world.start(fault.process);
      case 'pause': {
        const process = processes.get(fault.process);
        process?.pause();
        return () => process?.resume();
      }
      case 'twin': {
        // Paused, while another process of its name begins; then both run.
        const process = processes.get(fault.process);
        process?.pause();
        processes.delete(fault.process);
        void this.#world.start(fault.process);
        return () => process?.resume();
      }
      case 'cut': {
        const process = processes.get(fault.process);
        process?.cutLink();
        return () => process?.mendLink();
      }
      case 'stepClock':
        return this.#world.stepClock(fault.process, fault.byMs) as undefined;
      case 'killNats':
        nats.stop();
        if (fault.lost !== undefined) nats.loseWrites(fault.lost);
        return () => nats.start();
      case 'loss':
        nats.weather = { ...nats.weather, lossProbability: fault.probability };
        return () => {
          nats.weather = fairWeather;
        };
      case 'delay':
        nats.weather = { ...nats.weather, delayProbability: fault.probability, delayMs: 3_000 };
        return () => {
          nats.weather = fairWeather;
        };
      case 'doubling':
        nats.queue.doublingProbability = fault.probability;
        return () => {
          nats.queue.doublingProbability = 0;
        };
      case 'failStep': {
        const hypervisor = hypervisors.get(fault.host);
        hypervisor?.failNext(fault.step, fault.failure, fault.times, fault.timing);
        return () => hypervisor?.heal(fault.step);
      }
      case 'hangStep':
        return hypervisors.get(fault.host)?.hang(fault.step);
      case 'rebootMachine':
        this.#world.kill(fault.host);
        hypervisors.get(fault.host)?.rebootMachine();
        return () => void this.#world.start(fault.host);
      case 'loseHypervisor': {
        const hypervisor = hypervisors.get(fault.host);
        if (!hypervisor?.isConnected) return undefined;
        hypervisor.loseConnection();
        return () => hypervisor.restoreConnection();
      }
      default: {
        const uuid = uuidOf(fault.instance);
        for (const hypervisor of hypervisors.values()) {
          if (hypervisor.leftovers().domains.includes(uuid)) hypervisor[fault.fault](uuid);
        }
        return undefined;
      }
    }
  }
}
