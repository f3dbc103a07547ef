/**
 * Tells the charts of a host's instances what their guests do, and why. What a chart cannot hear, because a step is under
 * way, is kept until the step has ended, and looked at again then: the guest may have been seen half way.
 */
import { toFailure } from '../../machines/failure.ts';
import type { InstanceEvent, ReportedPowerState } from '../../machines/instance.ts';
import type { Clock } from '../../transport/clock.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import type { GuestReport, Hypervisor } from '../hypervisor/hypervisor.ts';
import type { InstanceOwner } from '../instance/owner.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RecoverySettings } from './recovery-settings.ts';

type Settings = Pick<RecoverySettings, 'lostGuests' | 'rebootedGuests'>;

interface GuestReportsWorld {
  hypervisor: Pick<Hypervisor, 'powerState'>;
  clock: Clock;
  logger: Logger;
}

export class GuestReports {
  readonly #settings: Settings;
  readonly #hypervisor: GuestReportsWorld['hypervisor'];
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** What was reported last, for a chart that could not hear it at the time. */
  readonly #unheard = new Map<string, GuestReport>();

  constructor(settings: Settings, { hypervisor, clock, logger }: GuestReportsWorld) {
    this.#settings = settings;
    this.#hypervisor = hypervisor;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** The hypervisor tells what a guest does now. */
  report(owner: InstanceOwner, report: GuestReport): void {
    // What comes now is newer than what the chart could not hear before.
    this.#unheard.delete(owner.uuid);
    if (owner.accepts(this.#eventFor(owner, report))) void this.tell(owner, report);
    else if (owner.isBusy) this.#unheard.set(owner.uuid, report);
  }

  /** It is being looked what the guest does, or nobody wants to know: what was reported before is out of date. */
  forget(uuid: string): void {
    this.#unheard.delete(uuid);
  }

  /** The step that kept the chart from hearing has ended. */
  async catchUp(owner: InstanceOwner): Promise<void> {
    const { uuid } = owner;
    const report = this.#unheard.get(uuid);
    if (!report || !owner.accepts(this.#eventFor(owner, report))) return this.forget(uuid);
    const powerState = await this.#hypervisor.powerState(uuid).catch(() => report.powerState);
    // Something newer was reported, or the next step is under way, after which this comes again.
    if (this.#unheard.get(uuid) !== report || owner.isBusy) return;
    this.forget(uuid);
    await this.tell(owner, powerState === report.powerState ? report : { uuid, powerState });
  }

  /** A no-op for what the chart expects, or what a step under way brings about. */
  async tell(owner: InstanceOwner, report: GuestReport, { isAfterBoot = false } = {}): Promise<void> {
    const event = this.#eventFor(owner, report, isAfterBoot);
    if (!owner.accepts(event)) return;
    try {
      // What a guest does by itself is no part of what was asked for last, unless that is still under way.
      await owner.send(event, owner.isBusy ? owner.callContext : newContext());
    } catch (error) {
      // Lost: whoever has it now finds out by itself.
      if (toFailure(error).code !== 'conflict') this.#logger.error({ uuid: owner.uuid, error }, 'a domain changed');
    }
  }

  #eventFor(owner: InstanceOwner, { powerState, reason }: GuestReport, isAfterBoot = false): InstanceEvent {
    const at = this.#clock.now();
    const told = { at, ...(reason !== undefined && { reason }) };
    const { lostGuests, rebootedGuests } = this.#settings;
    const isToRestart =
      powerState === 'absent'
        ? lostGuests === 'restart'
        : isAfterBoot && isOff(powerState) && rebootedGuests === 'start';
    const restart = { type: 'guest.restart', ...told } as const;
    return isToRestart && owner.accepts(restart) ? restart : { type: 'domain.changed', powerState, ...told };
  }
}

function isOff(powerState: ReportedPowerState): boolean {
  return powerState === 'shutdown' || powerState === 'crashed' || powerState === 'nostate';
}
