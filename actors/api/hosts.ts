/** Compute hosts, as an administrator sees them. */
import { api } from '../../transport/messages/api.ts';
import { HostAggregates } from '../records/host-aggregates.ts';
import { HostViews } from '../records/host-view.ts';
import { hostKey } from '../records/keys.ts';
import { byName, missing } from '../records/lookup.ts';
import { after, pageOf } from '../records/paging.ts';
import type { Reads } from './reads.ts';

export const hostReads: Reads = async (on, runtime) => {
  const { store } = runtime;
  const [hosts, aggregates, views] = await Promise.all([
    store.view('host'),
    HostAggregates.open(store),
    HostViews.open(runtime),
  ]);

  function find(name: string, field: string) {
    const host = hosts.get(hostKey(name));
    if (!host) throw missing('host', name, field);
    return host;
  }

  on(api.host.get, ({ host }) => ({ host: views.of(find(host, '/host')) }));

  on(api.host.list, ({ availabilityZone, service, limit, marker }) => {
    const marked = marker === undefined ? undefined : find(marker, '/marker');
    const matching = [...hosts.values()]
      .filter(
        (host) =>
          (availabilityZone === undefined || aggregates.zoneOf(host) === availabilityZone) &&
          (service === undefined || host.service === service),
      )
      .toSorted(byName);
    return { hosts: pageOf(after(matching, marked, byName), (host) => views.of(host), limit) };
  });
};
