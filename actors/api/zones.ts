/** Availability zones: those that hosts are in. */
import { api } from '../../transport/messages/api.ts';
import { takesInstances } from '../compute/heartbeat.ts';
import { HostAggregates } from '../records/host-aggregates.ts';
import { byName } from '../records/lookup.ts';
import type { Reads } from './reads.ts';

export const zoneReads: Reads = async (on, { store, clock }) => {
  const [hosts, aggregates] = await Promise.all([store.view('host'), HostAggregates.open(store)]);

  on(api.zone.list, () => {
    const zones = new Map<string, boolean>();
    for (const host of hosts.values()) {
      const zone = aggregates.zoneOf(host);
      zones.set(zone, takesInstances(host, clock.now()) || (zones.get(zone) ?? false));
    }
    return { zones: [...zones].map(([name, isAvailable]) => ({ name, isAvailable })).toSorted(byName) };
  });
};
