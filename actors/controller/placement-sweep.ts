/**
 * Looks after the instances that nobody acts for: recorded, but whose controller died before it asked for a host, or
 * for which no scheduler has answered in time.
 */

import { every } from '../../transport/clock.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { StoredChild } from '../instance/chart-snapshot.ts';
import { InstanceOwner } from '../instance/owner.ts';
import { ownPlacing } from './owning.ts';
import type { ControllerWorld } from './writes.ts';

const sweepEveryMs = 5_000;
/** How old a request for a host must be before it is asked for again. The scheduler applies it once all the same. */
const staleAfterMs = 5_000;

/** Sweeps at once, and from then on; returns the function that ends it. */
export async function startPlacementSweep(world: ControllerWorld): Promise<() => void> {
  const { store, clock, logger } = world;
  const [instances, owners] = await Promise.all([store.view('instance'), ownPlacing(world)]);

  async function sweep(): Promise<void> {
    const now = clock.now();
    for (const { value, revision } of instances.entries()) {
      if (value.chart.value !== 'scheduling' || now - value.updatedAt < staleAfterMs) continue;
      try {
        const owner = new InstanceOwner(owners, value, revision);
        if (now > deadlineOf(value)) await owner.send({ type: 'placement.failed', at: now, failure: tooLate });
        else owner.start();
      } catch (error) {
        // Placed, deleted or swept by another controller in the meantime.
        logger.debug({ uuid: value.uuid, error }, 'a launch was taken over');
      }
    }
  }
  void sweep();
  return every(clock, sweepEveryMs, sweep);
}

const tooLate = {
  code: 'timeout',
  message: 'no scheduler has chosen a host in time',
  disposition: 'abort',
} as const;

/** By when the chart wanted a host. */
function deadlineOf({ chart, updatedAt }: Instance): number {
  const [child] = Object.values(chart.children ?? {}) as StoredChild[];
  return child?.snapshot.input.deadline ?? updatedAt;
}
