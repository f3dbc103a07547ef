/**
 * Evacuate: instances of a host that is down are made anew on others. The control plane takes them over; the host finds,
 * when it returns, that they are another's, and removes its copies. A disk on storage that the host shares with others is
 * kept, unless somebody wants a new one: Nova's `on_shared_storage`, which its hosts find out, and ours are told.
 */
import { type Failure, fail, toFailure } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { CallContext } from '../../transport/messages/call-context.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Entry } from '../../transport/nats/bucket.ts';
import { commandKey, InstanceOwner } from '../instance/owner.ts';
import { HostViews } from '../records/host-view.ts';
import { viewInstance } from '../records/instance-view.ts';
import { hostKey } from '../records/keys.ts';
import { missing } from '../records/lookup.ts';
import { lossOf } from './host-loss.ts';
import { ownInstances } from './owning.ts';
import { storedInstance } from './stored-instance.ts';
import type { Writes } from './writes.ts';

/** How many instances of a host are taken over at a time. */
const atOnce = 64;

interface Wishes {
  host?: string;
  /** Made anew, although the one that there is could be kept. */
  newDisk?: boolean;
}

export const evacuationWrites: Writes = async (on, world) => {
  const { store, clock, chance } = world;
  const [bucket, instances, hosts, hostBucket, views, owners, liveness] = await Promise.all([
    store.bucket('instance'),
    store.view('instance'),
    store.view('host'),
    store.bucket('host'),
    HostViews.open(world),
    ownInstances(world),
    store.liveness(),
  ]);

  /** Resolves with the revision at which the instance waits for another host. */
  async function evacuate(entry: Entry<Instance>, context: CallContext, wishes: Wishes): Promise<number> {
    const { value, revision } = entry;
    const { uuid, owner } = value;
    const { host } = wishes;
    if (owner === 'control') throw fail('conflict', `instance ${uuid} is on no host: there is nothing to leave`);
    const failure = await lossOf(hostBucket, owner.host);
    if (!failure) throw stillUp(owner.host);
    if (host === owner.host) throw fail('conflict', `instance ${uuid} is on host ${host} (field /host)`, field);
    const key = commandKey(chance.uuid(), value);
    return new InstanceOwner(owners, value, revision).command(event(failure, owner.host, wishes), key, context);
  }

  function event(failure: Failure, lostHost: string, { host, newDisk = false }: Wishes) {
    const sharedDisks = newDisk ? undefined : hosts.get(hostKey(lostHost))?.sharedDisks;
    return {
      type: 'instance.evacuate',
      failure,
      at: clock.now(),
      ...(host !== undefined && { host }),
      ...(sharedDisks !== undefined && { sharedDisks }),
    } as const;
  }

  on(api.instance.evacuate, async ({ uuid, ...wishes }, { caller, context }) => {
    const { host } = wishes;
    if (host !== undefined && !hosts.get(hostKey(host))) throw missing('host', host, '/host');
    const revision = await evacuate(await storedInstance(bucket, uuid, caller), context, wishes);
    await instances.reached(revision);
    const instance = viewInstance(instances.get(uuid) ?? (await storedInstance(bucket, uuid, caller)).value, liveness);
    return { reply: { instance }, written: [{ bucket: 'instance', revision }] };
  });

  on(api.host.evacuate, async ({ host: name, ...wishes }, { context }) => {
    const host = hosts.get(hostKey(name));
    if (!host) throw missing('host', name, '/host');
    const failure = await lossOf(hostBucket, name);
    if (!failure) throw stillUp(name);
    await instances.caughtUp();
    const there = [...instances.entries()].filter(
      ({ value: { owner, chart } }) => owner !== 'control' && owner.host === name && chart.status === 'active',
    );
    const leaving = there.filter(({ value, revision }) =>
      new InstanceOwner(owners, value, revision).accepts(event(failure, name, wishes)),
    );
    let revision = 0;
    while (leaving.length > 0) {
      const moved = await Promise.all(
        leaving.splice(0, atOnce).map((entry) => evacuateUnlessMoved(entry, context, wishes)),
      );
      revision = Math.max(revision, ...moved);
    }
    if (revision > 0) await instances.reached(revision);
    return { reply: { host: views.of(host) }, written: revision > 0 ? [{ bucket: 'instance', revision }] : [] };
  });

  /** Somebody else may evacuate or delete the same one. */
  async function evacuateUnlessMoved(entry: Entry<Instance>, context: CallContext, wishes: Wishes): Promise<number> {
    try {
      return await evacuate(entry, context, wishes);
    } catch (error) {
      if (toFailure(error).code !== 'conflict') throw error;
      return entry.revision;
    }
  }
};

const field = { details: { field: '/host' } };

function stillUp(host: string) {
  return fail('conflict', `host ${host} is not down: only what is on a host that was declared down can be evacuated`);
}
