/** Create, delete and the power commands: each is stored by who owns the instance before it is answered. */
import { api } from '../../transport/messages/api.ts';
import { MacAddresses } from '../network/mac-addresses.ts';
import { viewInstance } from '../records/instance-view.ts';
import { Catalog } from './catalog.ts';
import { openInstanceCommands } from './command-instance.ts';
import { createInstances } from './create-instances.ts';
import { ownInstances } from './owning.ts';
import type { Writes } from './writes.ts';

export const instanceWrites: Writes = async (on, world) => {
  const { store, clock, chance, admissions, lostGuests, room, maxAttempts } = world;
  const [instances, instanceBucket, payloads, catalog, macs, owners, liveness, command] = await Promise.all([
    store.view('instance'),
    store.bucket('instance'),
    store.bucket('payload'),
    Catalog.open(world),
    MacAddresses.open(world),
    ownInstances(world),
    store.liveness(),
    openInstanceCommands(world),
  ]);
  const creation = {
    admissions,
    room,
    catalog,
    macs,
    instances,
    lostGuests,
    instanceBucket,
    payloads,
    owners,
    clock,
    chance,
    maxAttempts,
  };

  on(api.instance.create, async (request, { caller, context }) => {
    const created = await createInstances(creation, request, caller, context);
    return {
      reply: { instances: created.map(({ value }) => viewInstance(value, liveness)) },
      written: [{ bucket: 'instance', revision: Math.max(...created.map(({ revision }) => revision)) }],
    };
  });

  for (const verb of ['delete', 'start', 'stop', 'pause', 'unpause', 'suspend', 'resume'] as const) {
    on(api.instance[verb], ({ uuid }, request) =>
      command(uuid, { type: `instance.${verb}`, at: clock.now() }, request),
    );
  }
  on(api.instance.reboot, ({ uuid, how = 'soft' }, request) =>
    command(uuid, { type: 'instance.reboot', how, at: clock.now() }, request),
  );
};
