import { api } from '../../transport/messages/api.ts';
import { HostViews } from '../records/host-view.ts';
import { byName } from '../records/lookup.ts';
import type { Reads } from './reads.ts';

export const hostReads: Reads = async (on, runtime) => {
  const hosts = await runtime.store.view('host');
  const views = await HostViews.open(runtime);

  on(api.host.list, () => ({ hosts: [...hosts.values()].toSorted(byName).map((host) => views.of(host)) }));
};
