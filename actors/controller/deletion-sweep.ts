/**
 * Asks again for the deletions that were accepted and that nobody has begun: the host that was told did not answer, and
 * by now the instance may be another's, who knows nothing of it. Any number of controllers may do it.
 */
import type { Instance } from '../../transport/messages/records.ts';
import { attemptOf, contextOf } from '../instance/stored-chart.ts';
import { sweep } from '../runtime/sweep.ts';
import { openPassingDeletions } from './command-instance.ts';
import type { OwningWorld } from './owning.ts';
import { isTimeToTell, WaitingList } from './waiting.ts';

const sweepEveryMs = 5_000;

/** Returns the function that ends it. */
export async function startDeletionSweep(world: OwningWorld): Promise<() => void> {
  const { store, logger } = world;
  const [instances, liveness, passDeletion] = await Promise.all([
    store.view('instance'),
    store.liveness(),
    openPassingDeletions(world),
  ]);
  const waitingList = new WaitingList();

  /** A host that is silent is told when it is heard again; once it is declared down, it is taken over from. */
  function isWaiting({ owner }: Instance): boolean {
    return owner !== 'control' && liveness.isSilent(owner.host);
  }

  /** Who is to be told, and can hear. */
  function hearerOf({ owner }: Instance): string {
    return owner === 'control' ? owner : `${owner.host} ${liveness.statusOf(owner.host)}`;
  }

  return sweep(world, 'deletions', sweepEveryMs, async () => {
    waitingList.beginSweep();
    for (const entry of instances.entries()) {
      const { key, value } = entry;
      if (!value.isDeletionAsked || isBegun(value) || isWaiting(value)) continue;
      const waiting = waitingList.see(key, `${hearerOf(value)} ${attemptOf(value)}`);
      if (value.owner !== 'control' && !isTimeToTell(waiting, 0)) continue;
      try {
        await passDeletion(entry);
        waiting.told += 1;
      } catch (error) {
        logger.debug({ uuid: value.uuid, error }, 'a deletion could not be asked for again');
      }
    }
  });
}

function isBegun(record: Instance): boolean {
  return record.chart.status === 'done' || contextOf(record).isDeleteWanted;
}
