/**
 * Asks again for the deletions that were accepted and that nobody has begun: the host that was told did not answer, and
 * by now the instance may be another's, who knows nothing of it. Any number of controllers may do it.
 */
import type { Instance } from '../../transport/messages/records.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { contextOf } from '../instance/stored-chart.ts';
import { sweep } from '../runtime/sweep.ts';
import { openPassing } from './command-instance.ts';
import type { ControllerWorld } from './writes.ts';

const sweepEveryMs = 5_000;

/** Returns the function that ends it. */
export async function startDeletionSweep(world: ControllerWorld): Promise<() => void> {
  const { store, clock, logger } = world;
  const [instances, liveness, pass] = await Promise.all([store.view('instance'), store.liveness(), openPassing(world)]);

  /** A host that is silent is told when it is heard again; once it is declared down, it is taken over from. */
  function isWaiting({ owner }: Instance): boolean {
    return owner !== 'control' && liveness.isSilent(owner.host);
  }

  return sweep(world, 'deletions', sweepEveryMs, async () => {
    for (const entry of instances.entries()) {
      const { value } = entry;
      if (!value.isDeletionAsked || isBegun(value) || isWaiting(value)) continue;
      await pass(entry, { type: 'instance.delete', at: clock.now() }, newContext()).catch((error) =>
        logger.debug({ uuid: value.uuid, error }, 'a deletion could not be asked for again'),
      );
    }
  });
}

function isBegun(record: Instance): boolean {
  return record.chart.status === 'done' || contextOf(record).isDeleteWanted;
}
