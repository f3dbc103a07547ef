/** A simulated hypervisor whose steps go on and end as a conductor says, and whose guests change when a path says so. */

import type { DomainState, GuestSpec, HypervisorEvent, HypervisorFacts } from '../../actors/hypervisor/hypervisor.ts';
import { systemChance, systemClock } from '../../actors/runtime/clock.ts';
import { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import type { ReportedPowerState } from '../../machines/instance.ts';
import type { Conductor } from './conductor.ts';

export class ConductedHypervisor extends SimulatedHypervisor {
  readonly #conductor: Conductor;
  readonly #listeners = new Set<(event: HypervisorEvent) => void>();

  constructor(conductor: Conductor) {
    super({ clock: systemClock, chance: systemChance, latencyMs: 0 });
    this.#conductor = conductor;
  }

  /** Whatever the guest does: it is only told. */
  report(uuid: string, powerState: ReportedPowerState): void {
    for (const listener of this.#listeners) listener({ type: 'power', uuid, powerState });
  }

  override onEvent(listener: (event: HypervisorEvent) => void): () => void {
    this.#listeners.add(listener);
    const stop = super.onEvent(listener);
    return () => {
      this.#listeners.delete(listener);
      stop();
    };
  }

  override async connect(): Promise<HypervisorFacts> {
    await this.#conductor.turn('connect');
    return super.connect();
  }

  override async listDomains(): Promise<DomainState[]> {
    await this.#conductor.turn('listDomains');
    return super.listDomains();
  }

  override async powerState(uuid: string): Promise<ReportedPowerState> {
    const ending = await this.#conductor.turn('powerState');
    return typeof ending === 'object' && 'answer' in ending
      ? (ending.answer as ReportedPowerState)
      : super.powerState(uuid);
  }

  override async prepareFilter(guest: GuestSpec, signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('prepareFilter', signal);
    return super.prepareFilter(guest, signal);
  }
  override async createDisks(guest: GuestSpec, signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('createDisks', signal);
    return super.createDisks(guest, signal);
  }
  override async createDomain(guest: GuestSpec, signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('createDomain', signal);
    return super.createDomain(guest, signal);
  }
  override async enableHairpin(guest: GuestSpec, signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('enableHairpin', signal);
    return super.enableHairpin(guest, signal);
  }
  override async applyFilter(guest: GuestSpec, signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('applyFilter', signal);
    return super.applyFilter(guest, signal);
  }
  override async waitForBoot(uuid: string, signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('waitForBoot', signal);
    return super.waitForBoot(uuid, signal);
  }
  override async start(uuid: string, signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('start', signal);
    return super.start(uuid, signal);
  }
  override async stop(uuid: string, graceMs: number, signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('stop', signal);
    return super.stop(uuid, graceMs, signal);
  }
  override async reboot(uuid: string, how: 'soft' | 'hard', signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('reboot', signal);
    return super.reboot(uuid, how, signal);
  }
  override async pause(uuid: string, signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('pause', signal);
    return super.pause(uuid, signal);
  }
  override async unpause(uuid: string, signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('unpause', signal);
    return super.unpause(uuid, signal);
  }
  override async suspend(uuid: string, signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('suspend', signal);
    return super.suspend(uuid, signal);
  }
  override async resume(uuid: string, signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('resume', signal);
    return super.resume(uuid, signal);
  }
  override async destroyDomain(uuid: string, signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('destroyDomain', signal);
    return super.destroyDomain(uuid, signal);
  }
  override async removeFilter(uuid: string, signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('removeFilter', signal);
    return super.removeFilter(uuid, signal);
  }
  override async removeDisks(uuid: string, signal: AbortSignal): Promise<void> {
    await this.#conductor.turn('removeDisks', signal);
    return super.removeDisks(uuid, signal);
  }
}
