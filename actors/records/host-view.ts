/** A host as an administrator sees it: its record, what its aggregates say of it, and what its instances use. */
import type { HostView } from '../../transport/messages/api/host.ts';
import type { Host } from '../../transport/messages/records.ts';
import type { Liveness } from '../runtime/liveness.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { HostUsage } from '../scheduler/host-usage.ts';
import { HostAggregates, zoneOf } from './host-aggregates.ts';
import { timestamp } from './timestamp.ts';

export class HostViews {
  readonly #usage: HostUsage;
  readonly #aggregates: HostAggregates;
  readonly #liveness: Liveness;

  static async open({ store }: Pick<Runtime, 'store'>): Promise<HostViews> {
    return new HostViews(
      new HostUsage(await store.view('instance')),
      await HostAggregates.open(store),
      await store.liveness(),
    );
  }

  private constructor(usage: HostUsage, aggregates: HostAggregates, liveness: Liveness) {
    this.#usage = usage;
    this.#aggregates = aggregates;
    this.#liveness = liveness;
  }

  of(host: Host): HostView {
    const { instances, ...used } = this.#usage.of(host.name);
    const membership = this.#aggregates.of(host.name);
    return {
      name: host.name,
      isAlive: this.#liveness.isAlive(host.name),
      ...(host.down && { downSince: timestamp(host.down.since) }),
      availabilityZone: zoneOf(host, membership),
      aggregates: [...membership.names],
      hypervisor: host.hypervisor,
      service: host.service,
      ...(host.disabledReason !== undefined && { disabledReason: host.disabledReason }),
      hypervisorState: host.hypervisorState,
      ...(host.hypervisorReason !== undefined && { hypervisorReason: host.hypervisorReason }),
      ...(host.unknownGuests && { unknownGuests: host.unknownGuests }),
      capacity: host.capacity,
      allocationRatio: host.allocationRatio,
      used,
      ...(host.sharedDisks !== undefined && { sharedDisks: host.sharedDisks }),
      instances,
      startedAt: timestamp(host.startedAt),
      heartbeatAt: timestamp(host.heartbeatAt),
    };
  }
}
