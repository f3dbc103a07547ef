/** A whole cloud in one process, on simulated time and a simulated bus: everything in it follows from its plan and seed. */
import type { Capacity } from '../../actors/compute/capacity.ts';
import { startCompute } from '../../actors/compute/compute.ts';
import type { RecoverySettings } from '../../actors/compute/recovery-settings.ts';
import { startController } from '../../actors/controller/controller.ts';
import { startNetworkController } from '../../actors/network/network-controller.ts';
import { Lives } from '../../actors/runtime/lives.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import { standardPulse } from '../../actors/runtime/pulse.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { Store } from '../../actors/runtime/store.ts';
import { startScheduler } from '../../actors/scheduler/scheduler.ts';
import { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { DoubleWatch } from '../checker/double-watch.ts';
import type { History } from '../checker/history.ts';
import type { Sabotage } from './sabotage.ts';
import { processNames } from './script.ts';
import { SeededChance } from './seeded-chance.ts';
import { severable } from './severable.ts';
import { SimulatedNats, type Witness } from './simulated-nats.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { SimulatedTime } from './simulated-time.ts';
import { WatchedDisks } from './watched-disks.ts';

export interface WorldPlan {
  seed: number;
  hosts: string[];
  vcpusOfHost: number;
  controllers: number;
  schedulers: number;
  networks: number;
  /** The addresses that there are. */
  cidr: string;
  /** How many instances there may be; -1: any number. */
  quota: number;
  /** How many hosts, from the first, have their disks on storage that they share. */
  sharers: number;
  /** How far the clocks of the processes are apart, at most (ms). */
  skewMs: number;
  /** What operators want done where guests are not what records say; absent: what is usual. */
  recovery?: Partial<RecoverySettings>;
}

/** One for all worlds: each would hold a file open. */
const logger = createLogger(process.env.KILONOVA_LOG_LEVEL ?? 'silent');
/** The name of what the hosts share. */
export const storage = 'nfs';
/** When every world begins (epoch ms). */
const beginning = Date.UTC(2030, 0, 1);
/** How long a process that could not start is down before it is started again (ms). */
const startAgainMs = 1_000;
/** How long what a killed process asked of its hypervisor goes on (ms). */
const afterlifeMs = 50;

export class World {
  readonly plan: WorldPlan;
  readonly time = new SimulatedTime(beginning);
  readonly nats: SimulatedNats;
  readonly hypervisors = new Map<string, SimulatedHypervisor>();
  readonly sharedDisks: WatchedDisks;
  readonly doubles: DoubleWatch;
  /** Whose clock is right, and whose link is never cut. */
  readonly outside: Runtime;
  /** By name: of several, the one that began last. */
  readonly processes = new Map<string, SimulatedProcess>();
  readonly #begun: SimulatedProcess[] = [];
  readonly #chance: SeededChance;
  readonly #sabotage: Sabotage;
  readonly #logger = logger;
  readonly #aheadMs = new Map<string, number>();
  #incarnations = 0;

  constructor(plan: WorldPlan, witness: Witness, history: History, sabotage: Sabotage) {
    this.plan = plan;
    this.#sabotage = sabotage;
    this.#chance = new SeededChance(plan.seed, 'world');
    this.nats = new SimulatedNats(this.time, new SeededChance(plan.seed, 'network'), witness, sabotage);
    const guests = {
      hosts: plan.hosts,
      powerState: (host: string, uuid: string) => this.hypervisors.get(host)?.peek(uuid) ?? 'absent',
      uuidsOn: (host: string) => this.hypervisors.get(host)?.leftovers().domains ?? [],
    };
    this.doubles = new DoubleWatch(guests, history, () => this.time.now());
    const watched = (name: string, isShared: boolean, isOf: (host: string) => boolean) =>
      new WatchedDisks({ name, isShared, isOf }, history, () => this.time.now());
    this.sharedDisks = watched(storage, true, (host) => this.#isSharer(host));
    for (const host of plan.hosts) {
      const chance = new SeededChance(plan.seed, host);
      const hypervisor = new SimulatedHypervisor({
        clock: this.time,
        chance,
        latencyMs: { ...usualLatency },
        memoryMb: 1024 * plan.vcpusOfHost,
        ...(this.#isSharer(host)
          ? { sharedDisks: this.sharedDisks }
          : { ownDisks: watched(host, false, (name) => name === host) }),
      });
      hypervisor.onEvent((event) => {
        if (event.type !== 'power') return;
        history.guests.push({ at: this.time.now(), host, ...event });
        this.doubles.look(event.uuid);
      });
      this.hypervisors.set(host, hypervisor);
    }
    for (const name of processNames(plan)) this.#aheadMs.set(name, this.#chance.between(-plan.skewMs, plan.skewMs));
    this.outside = this.#runtime(new SimulatedProcess('outside', this.time), new SeededChance(plan.seed, 'outside'));
  }

  /** Starts what does not run. It runs when this resolves, or is tried again by itself, as when it has ended by itself. */
  async start(name: string): Promise<void> {
    if (this.processes.get(name)?.isAlive) return;
    const process = new SimulatedProcess(name, this.time, this.#aheadMs.get(name));
    this.processes.set(name, process);
    this.#begun.push(process);
    const chance = new SeededChance(this.plan.seed, `${name} ${++this.#incarnations}`);
    const incarnation = chance.uuid();
    const startAgain = (error: unknown) => {
      this.#logger.info({ process: name, error }, 'has ended');
      process.kill();
      process.disconnect();
      this.time.after(startAgainMs, () => void this.start(name));
    };
    try {
      const lives = await Lives.start({
        clock: process.clock,
        logger: this.#logger,
        connect: async () => this.#runtime(process, chance, incarnation),
        begin: async ({ runtime, add }) => add(await this.#startPart(name, runtime, process)),
      });
      lives.ended.catch(startAgain);
    } catch (error) {
      startAgain(error);
    }
  }

  /** SIGKILL. What it had asked of its hypervisor may still happen, for a moment. */
  kill(name: string): void {
    const killed = this.#running(name);
    for (const process of killed) process.kill();
    const hypervisor = this.hypervisors.get(name);
    if (!hypervisor) return;
    this.time.after(this.#chance.between(0, afterlifeMs), () => {
      for (const process of killed) process.disconnect();
      this.#forget(name, hypervisor);
    });
  }

  /** Nothing happens in it any more, nor is kept for what might. */
  end(): void {
    for (const process of this.#begun) {
      process.kill();
      process.disconnect();
    }
  }

  stepClock(name: string, byMs: number): void {
    for (const process of this.#running(name)) process.stepClock(byMs);
    this.#aheadMs.set(name, (this.#aheadMs.get(name) ?? 0) + byMs);
  }

  #startPart(name: string, runtime: Runtime, process: SimulatedProcess) {
    const hypervisor = this.hypervisors.get(name);
    if (hypervisor) {
      return startCompute(runtime, {
        name,
        availabilityZone: name,
        hypervisor: severable(this.#sabotage.hypervisor?.(hypervisor) ?? hypervisor, process, () =>
          this.#running(name).some((other) => other !== process),
        ),
        capacity: capacityOf(this.plan),
        // So that it is full when nothing more fits into it, not before.
        allocationRatio: { vcpus: 1, memoryMb: 1, diskGb: 1 },
        ...(this.plan.recovery && { recovery: this.plan.recovery }),
        ...(this.#isSharer(name) && { sharedDisks: storage }),
      });
    }
    if (name.startsWith('controller')) return startController(runtime, { keepsImages: false });
    if (name.startsWith('scheduler')) return startScheduler(runtime);
    return startNetworkController(runtime);
  }

  /** A host has two while one of them has yet to find out that it is not the only one. */
  #running(name: string): SimulatedProcess[] {
    return this.#begun.filter((process) => process.name === name && process.isAlive);
  }

  #isSharer(host: string): boolean {
    return this.plan.hosts.indexOf(host) < this.plan.sharers;
  }

  /** A connection to libvirt ends with the process that had it. */
  #forget(name: string, hypervisor: SimulatedHypervisor): void {
    if (this.#running(name).length === 0) void hypervisor.close();
  }

  #runtime(process: SimulatedProcess, chance: SeededChance, incarnation?: string): Runtime {
    // Whoever has no parts goes by nothing that it was told before.
    const bus: Bus = this.nats.connect(process, { endsWithServer: incarnation !== undefined });
    const { clock } = process;
    const logger = this.#logger;
    const pulse = standardPulse;
    return {
      bus,
      store: new Store(bus, logger, pulse),
      clock,
      chance,
      logger,
      pulse,
      incarnation: incarnation ?? chance.uuid(),
    };
  }
}

/** What a host has to give. */
export function capacityOf({ vcpusOfHost }: Pick<WorldPlan, 'vcpusOfHost'>): Capacity {
  return { vcpus: vcpusOfHost, memoryMb: 1024 * vcpusOfHost, diskGb: 20 * vcpusOfHost };
}

/** Of the steps of the hypervisors (ms). */
const usualLatency = {
  prepareFilter: [1, 20],
  createDisks: [5, 100],
  adoptDisks: [5, 100],
  createDomain: [5, 100],
  waitForBoot: [50, 2_000],
  start: [5, 100],
  stop: [50, 5_000],
  reboot: [50, 5_000],
  suspend: [50, 1_000],
  resume: [50, 1_000],
  resizeDisks: [5, 200],
  destroyDomain: [5, 50],
  removeDisks: [1, 20],
} as const;
