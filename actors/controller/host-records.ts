/**
 * Stores how the lives of instances go on at their hosts, which write no records themselves: a host is believed of its own
 * instances, and of no others. Of those it says where their lives stand; what a client asked for is not its to say. One
 * that a host gives out of its hands is taken up here at once.
 */
import { controllerCalls } from '../../transport/messages/internal.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import { type StopServing, serve } from '../../transport/nats/call.ts';
import { any, askingHost, subjects } from '../../transport/nats/subjects.ts';
import { withLife } from '../instance/life.ts';
import { InstanceOwner } from '../instance/owner.ts';
import { isSameOwner } from '../instance/owner-name.ts';
import { type OwningWorld, ownInstances } from './owning.ts';
import { refuseForeign } from './refuse-foreign.ts';

export async function serveHostRecords(world: OwningWorld): Promise<StopServing> {
  const [instances, owners] = await Promise.all([world.store.view('instance'), ownInstances(world)]);

  /** The record at that revision, if it is at none that is later. */
  async function recordAt(uuid: string, revision: number): Promise<Instance | undefined> {
    const known = instances.entry(uuid);
    const latest = known?.revision === revision ? known : await owners.store.get(uuid);
    return latest?.revision === revision ? latest.value : undefined;
  }

  const { storeInstance } = controllerCalls;
  return serve(
    world.bus,
    subjects.hostCall('controller', any, storeInstance.name),
    storeInstance,
    async ({ life, revision, facts }, context, subject) => {
      const host = askingHost(subject);
      const known = await recordAt(life.uuid, revision);
      if (!known || !isSameOwner(known.owner, { host })) return {};
      refuseForeign(known, host, life, facts);
      const record = withLife(known, life);
      const stored = await owners.store.store(record, revision, facts, context);
      if (stored === conflict) return {};
      if (life.owner === 'control') new InstanceOwner(owners, record, stored, context).start();
      return { revision: stored };
    },
    { queue: 'controller' },
  );
}
