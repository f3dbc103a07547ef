/**
 * Stores how the lives of instances go on at their hosts, which write no records themselves: a host is believed of its own
 * instances, and of no others. Of those it says where their lives stand; what a client asked for is not its to say. One
 * that a host gives out of its hands is taken up here at once.
 *
 * A host that was not answered says the same again. What was stored then stays as it is and is answered like the first time:
 * whoever stored it may have died before it told the facts, and before it took up what is the control plane's.
 */
import { isDeepStrictEqual } from 'node:util';
import { controllerCalls } from '../../transport/messages/internal.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { conflict, type Entry } from '../../transport/nats/bucket.ts';
import { type StopServing, serve } from '../../transport/nats/call.ts';
import { any, askingHost, subjects } from '../../transport/nats/subjects.ts';
import { tellFacts, toldOnceMs } from '../instance/instance-store.ts';
import { withLife } from '../instance/life.ts';
import { isSameOwner } from '../instance/owner-name.ts';
import { type OwningWorld, ownInstances } from './owning.ts';
import { refuseForeign } from './refuse-foreign.ts';
import type { TakenUp } from './taken-up.ts';

export async function serveHostRecords(world: OwningWorld, takenUp: TakenUp): Promise<StopServing> {
  const { bus, clock } = world;
  const [bucket, instances, { store }] = await Promise.all([
    world.store.bucket('instance'),
    world.store.view('instance'),
    ownInstances(world),
  ]);

  /** The record as it was at that revision. */
  async function recordAt(uuid: string, revision: number): Promise<Instance | undefined> {
    const known = instances.entry(uuid);
    return (known?.revision === revision ? known : await bucket.at(uuid, revision))?.value;
  }

  /** The record as it is stored, if it is that one, whenever it was said. */
  async function storedAlready(record: Instance): Promise<Entry<Instance> | undefined> {
    const latest = await bucket.get(record.uuid);
    const { updatedAt } = latest?.value ?? record;
    return isDeepStrictEqual(latest?.value, { ...record, updatedAt }) ? latest : undefined;
  }

  const { storeInstance } = controllerCalls;
  return serve(
    bus,
    subjects.hostCall('controller', any, storeInstance.name),
    storeInstance,
    async ({ life, revision, facts }, context, subject) => {
      const host = askingHost(subject);
      const known = await recordAt(life.uuid, revision);
      if (!known || !isSameOwner(known.owner, { host })) return {};
      refuseForeign(known, host, life, facts);
      const value = withLife(known, life);
      const written = await store.store(value, revision, facts, context);
      const isRepeat = written === conflict;
      const stored = isRepeat ? await storedAlready(value) : { key: value.uuid, value, revision: written };
      if (!stored) return {};
      // Later than that they would be kept twice.
      if (isRepeat && clock.now() - stored.value.updatedAt < toldOnceMs) tellFacts(bus, value.uuid, facts);
      if (life.owner === 'control') takenUp.takeUp(stored, context);
      return { revision: stored.revision };
    },
    { queue: 'controller' },
  );
}
