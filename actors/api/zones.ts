/** Availability zones: those that hosts are in. */
import { api } from '../../transport/messages/api.ts';
import { HostAggregates } from '../records/host-aggregates.ts';
import { byName } from '../records/lookup.ts';
import { takesInstances } from '../runtime/liveness.ts';
import type { Reads } from './reads.ts';

export const zoneReads: Reads = async (on, { store }) => {
  const [hosts, aggregates, liveness] = await Promise.all([
    store.view('host'),
    HostAggregates.open(store),
    store.liveness(),
  ]);

  on(api.zone.list, () => {
    const zones = new Map<string, boolean>();
    for (const host of hosts.values()) {
      const zone = aggregates.zoneOf(host);
      zones.set(zone, takesInstances(host, liveness.isAlive(host.name)) || (zones.get(zone) ?? false));
    }
    return { zones: [...zones].map(([name, isAvailable]) => ({ name, isAvailable })).toSorted(byName) };
  });
};
