/** Edits what of an instance's record is the client's: its owner, whose the life is, takes the edit over. */
import { fail } from '../../machines/failure.ts';
import { type Chance, type Clock, sleep } from '../../transport/clock.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { type Bucket, conflict, type Entry } from '../../transport/nats/bucket.ts';

export interface EditWorld {
  readonly bucket: Bucket<Instance>;
  readonly clock: Clock;
  readonly chance: Chance;
}

/** How often others may write in between, its owner or other clients: each time one of them has come through. */
const maxTries = 64;
/** The longest pause between two tries (ms): of any length, or those who write in step would lose in step. */
const maxPauseMs = 50;

/**
 * `edit` makes the new record of the latest one, gives that one back where there is nothing to change, or throws.
 * Resolves with the record as it is stored.
 */
export async function editInstance(
  { bucket, clock, chance }: EditWorld,
  known: Entry<Instance>,
  edit: (record: Instance) => Instance,
): Promise<Entry<Instance>> {
  let entry: Entry<Instance> | undefined = known;
  for (let turn = 0; turn < maxTries && entry; turn++) {
    const value = edit(entry.value);
    if (value === entry.value) return entry;
    const revision = await bucket.update(entry.key, value, entry.revision);
    if (revision !== conflict) return { key: entry.key, value, revision };
    await sleep(clock, chance.fraction() * Math.min(2 ** turn, maxPauseMs));
    entry = await bucket.get(entry.key);
  }
  throw fail('conflict', `instance ${known.key} is changed too often`, { disposition: 'retry' });
}
