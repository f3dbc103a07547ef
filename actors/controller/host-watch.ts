/**
 * Declares hosts down that were not heard for too long, and takes over what was under way on them: launches are placed
 * elsewhere, deletions ended. What runs there, or rests, stays the host's.
 *
 * That a host is down stands in its record, written by compare-and-set, so one of all controllers says so, and all see it;
 * the host itself learns of it at its next heartbeat. Each controller then looks through the instances of such hosts
 * again and again: what one began that died another takes up.
 */
import type { InstanceEvent } from '../../machines/instance.ts';
import type { Host } from '../../transport/messages/records.ts';
import { conflict, type Entry } from '../../transport/nats/bucket.ts';
import { publishHostLoss } from '../compute/host-facts.ts';
import { InstanceOwner } from '../instance/owner.ts';
import { sweep } from '../runtime/sweep.ts';
import { hostLoss } from './host-loss.ts';
import { ownInstances } from './owning.ts';
import type { ControllerWorld } from './writes.ts';

/** How often is looked within the time that a host may be silent. */
const looks = 5;
/** How many instances are taken over at a time. */
const atOnce = 64;

/** Returns the function that ends it. */
export async function startHostWatch(world: ControllerWorld): Promise<() => void> {
  const { bus, store, clock, logger, pulse } = world;
  const [hosts, bucket, instances, owners, liveness] = await Promise.all([
    store.view('host'),
    store.bucket('host'),
    store.view('instance'),
    ownInstances(world),
    store.liveness(),
  ]);

  async function look(): Promise<void> {
    const down = new Map<string, number>();
    for (const entry of hosts.entries()) {
      const { name, down: declared } = entry.value;
      if (declared) down.set(name, declared.since);
      else if (liveness.isSilent(name)) await declareDown(entry);
    }
    if (down.size > 0) await adoptAll(down);
  }

  /** Whoever has written since, be it the host itself, was faster. */
  async function declareDown({ key, value, revision }: Entry<Host>): Promise<void> {
    const since = clock.now();
    if ((await bucket.update(key, { ...value, down: { since } }, revision)) === conflict) return;
    logger.warn({ host: value.name }, 'a host was not heard for too long, and is declared down');
    publishHostLoss(bus, value, since, `it was not heard for ${pulse.deadAfterMs / 1000} s`);
  }

  async function adoptAll(down: ReadonlyMap<string, number>): Promise<void> {
    const adoptions: Promise<void>[] = [];
    for (const { value, revision } of instances.entries()) {
      if (value.owner === 'control' || value.chart.status === 'done') continue;
      const since = down.get(value.owner.host);
      if (since === undefined) continue;
      const owner = new InstanceOwner(owners, value, revision);
      const at = clock.now();
      const lost: InstanceEvent = { type: 'host.lost', failure: hostLoss(value.owner.host, since), at };
      const first: InstanceEvent = value.isDeletionAsked ? { type: 'instance.delete', at } : lost;
      adoptions.push(adopt(owner, first, lost));
      if (adoptions.length >= atOnce) await Promise.all(adoptions.splice(0));
    }
    await Promise.all(adoptions);
  }

  async function adopt(owner: InstanceOwner, first: InstanceEvent, lost: InstanceEvent): Promise<void> {
    const about = { uuid: owner.uuid, host: owner.context.host };
    try {
      if (!owner.accepts(first)) return;
      await owner.send(first, undefined, lost);
      logger.info(about, 'an instance was taken over from a host that is down');
    } catch (error) {
      // Another controller, or the host itself, was faster.
      logger.debug({ ...about, error }, 'an instance was taken over by another');
    }
  }

  return sweep(world, 'hosts', pulse.deadAfterMs / looks, look);
}
