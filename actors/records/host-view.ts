/** A host as an administrator sees it: its record, and what its instances use. */
import type { HostView } from '../../transport/messages/api/host.ts';
import type { Host } from '../../transport/messages/records.ts';
import { isAlive } from '../compute/heartbeat.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { HostUsage } from '../scheduler/host-usage.ts';
import { timestamp } from './timestamp.ts';

export class HostViews {
  readonly #usage: HostUsage;
  readonly #clock: Clock;

  static async open({ store, clock }: Runtime): Promise<HostViews> {
    return new HostViews(new HostUsage(await store.view('instance')), clock);
  }

  private constructor(usage: HostUsage, clock: Clock) {
    this.#usage = usage;
    this.#clock = clock;
  }

  of(host: Host): HostView {
    const { instances, ...used } = this.#usage.of(host.name);
    return {
      name: host.name,
      isAlive: isAlive(host, this.#clock.now()),
      availabilityZone: host.availabilityZone,
      aggregates: [],
      hypervisor: host.hypervisor,
      service: host.service,
      ...(host.disabledReason !== undefined && { disabledReason: host.disabledReason }),
      hypervisorState: host.hypervisorState,
      capacity: host.capacity,
      allocationRatio: host.allocationRatio,
      used,
      instances,
      startedAt: timestamp(host.startedAt),
      heartbeatAt: timestamp(host.heartbeatAt),
    };
  }
}
