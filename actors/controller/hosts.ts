/** What an operator wants of compute hosts, and of those that never come back. */
import { api } from '../../transport/messages/api.ts';
import type { HostCommand } from '../../transport/messages/records.ts';
import { HostViews } from '../records/host-view.ts';
import { hostKey } from '../records/keys.ts';
import { missing } from '../records/lookup.ts';
import { commandHost } from './command-host.ts';
import { removeHost } from './remove-host.ts';
import type { WriteRequest, Writes } from './writes.ts';

export const hostWrites: Writes = async (on, world) => {
  const { bus, store, clock } = world;
  const [hosts, bucket, views] = await Promise.all([store.view('host'), store.bucket('host'), HostViews.open(world)]);

  async function command(name: string, told: HostCommand, { context }: WriteRequest) {
    const revision = await commandHost({ bus, hosts: bucket }, name, told, context);
    await hosts.reached(revision);
    const host = hosts.get(hostKey(name));
    if (!host) throw missing('host', name, '/host');
    return { reply: { host: views.of(host) }, written: [{ bucket: 'host' as const, revision }] };
  }

  on(api.host.enable, ({ host }, request) => command(host, { type: 'host.enable', at: clock.now() }, request));
  for (const verb of ['disable', 'drain'] as const) {
    on(api.host[verb], ({ host, reason }, request) =>
      command(host, { type: `host.${verb}`, reason, at: clock.now() }, request),
    );
  }

  on(api.host.delete, async ({ host }) => ({ reply: {}, written: [await removeHost(world, host)] }));
};
