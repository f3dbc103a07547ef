/**
 * A simulated hypervisor whose steps go on and end as a conductor says, and whose guests become what a path says: so what
 * it reports is true, also to a process that starts later.
 */
import type { GuestReport, GuestSpec, HypervisorEvent, HypervisorFacts } from '../../actors/hypervisor/hypervisor.ts';
import { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { effectNames } from '../../actors/simulated/step-script.ts';
import type { ReportedPowerState } from '../../machines/instance.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import type { Conductor } from './conductor.ts';

export class ConductedHypervisor extends SimulatedHypervisor {
  readonly #conductor: Conductor;
  readonly #listeners = new Set<(event: HypervisorEvent) => void>();
  /** Guests of which nobody can tell what they do. */
  readonly #veiled = new Set<string>();
  #guest: GuestSpec | undefined;
  /** While a guest is made what it is said to be, nobody is told. */
  #isQuiet = false;

  constructor(conductor: Conductor) {
    super({ clock: systemClock, chance: systemChance, latencyMs: 0 });
    this.#conductor = conductor;
    for (const step of effectNames) {
      const work = SimulatedHypervisor.prototype[step] as (...given: unknown[]) => Promise<void>;
      const held = async (...given: unknown[]) => {
        if (step === 'createDisks') this.#guest = given[0] as GuestSpec;
        await conductor.turn(step, given.at(-1) as AbortSignal);
        await work.apply(this, given);
        if (step === 'destroyDomain') this.#veiled.clear();
      };
      Object.defineProperty(this, step, { value: held });
    }
  }

  /** The guest does this now, and its host is told. */
  async report(uuid: string, powerState: ReportedPowerState): Promise<void> {
    await this.become(uuid, powerState);
    for (const listener of this.#listeners) listener({ type: 'power', uuid, powerState });
  }

  /** The guest does this now, and nobody is told. */
  async become(uuid: string, powerState: ReportedPowerState): Promise<void> {
    const { signal } = new AbortController();
    this.#isQuiet = true;
    try {
      this.#veiled.delete(uuid);
      if (powerState === 'nostate') this.#veiled.add(uuid);
      else if (powerState === 'absent') this.loseGuest(uuid);
      else {
        if (this.#guest && (await super.powerState(uuid)) === 'absent') {
          await super.createDisks(this.#guest, signal);
          await super.createDomain(this.#guest, signal);
        }
        await super.start(uuid, signal);
        if (powerState === 'paused') await super.pause(uuid, signal);
        else if (powerState === 'suspended') await super.suspend(uuid, signal);
        else if (powerState === 'shutdown') this.shutDownGuest(uuid);
        else if (powerState === 'crashed') this.crashGuest(uuid);
      }
    } finally {
      this.#isQuiet = false;
    }
  }

  /** The link is lost and back: the host compares what it has. What was booted meanwhile is off, and nobody was told. */
  comeBack({ isRebooted }: { isRebooted: boolean }): void {
    this.#isQuiet = true;
    if (isRebooted) this.rebootMachine();
    this.#isQuiet = false;
    this.loseConnection();
    this.restoreConnection();
  }

  override onEvent(listener: (event: HypervisorEvent) => void): () => void {
    this.#listeners.add(listener);
    const stop = super.onEvent((event) => {
      if (!this.#isQuiet) listener(event);
    });
    return () => {
      this.#listeners.delete(listener);
      stop();
    };
  }

  override async connect(): Promise<HypervisorFacts> {
    await this.#conductor.turn('connect');
    return super.connect();
  }

  override async listGuests(signal?: AbortSignal, among?: ReadonlySet<string>): Promise<GuestReport[]> {
    await this.#conductor.turn('listGuests');
    const guests = await super.listGuests(signal, among);
    return guests.map((guest) => (this.#veiled.has(guest.uuid) ? { ...guest, powerState: 'nostate' } : guest));
  }

  /** Finds what the path says, and so it is; where the look fails, the guest is off. */
  override async powerState(uuid: string): Promise<ReportedPowerState> {
    try {
      const ending = await this.#conductor.turn('powerState');
      if (typeof ending === 'object' && 'answer' in ending)
        await this.become(uuid, ending.answer as ReportedPowerState);
    } catch (failure) {
      if (this.#guest) await this.become(uuid, 'shutdown');
      throw failure;
    }
    return this.#veiled.has(uuid) ? 'nostate' : super.powerState(uuid);
  }
}
