/**
 * Decides between those who make something at the same time: whoever was first, in the order of the store, keeps it.
 * What was made is there for a moment before it is judged, so that no two controllers can both overlook the other's.
 *
 * That order is told by the revisions of records that nobody ever edits: an edit would move one behind others that came
 * later. What is edited is decided over all at once, as security groups are.
 */
import { fail } from '../../machines/failure.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';

/** A record that was just made, and where it and its like are. */
export interface Made<T> {
  bucket: Bucket<T>;
  view: View<T>;
  key: string;
  revision: number;
}

/** Rejects with `already_exists`, and takes away what was made, when an earlier record has its name. */
export async function keepUniqueName<T extends { name: string }>(
  made: Made<T>,
  what: string,
  { name }: T,
  isAmong: (record: T) => boolean = () => true,
): Promise<void> {
  const [earlier] = await earlierThan(made, (record) => record.name === name && isAmong(record));
  if (!earlier) return;
  await made.bucket.remove(made.key, made.revision);
  throw nameTaken(what, name);
}

export function nameTaken(what: string, name: string) {
  return fail('already_exists', `there is a ${what} ${JSON.stringify(name)} already (field /name)`, {
    details: { field: '/name' },
  });
}

/** The records that came to be before this one, and are still there. */
export async function earlierThan<T>({ view, revision: own }: Made<T>, isAlike: (record: T) => boolean): Promise<T[]> {
  await view.reached(own);
  return [...view.entries()]
    .filter(({ value, revision }) => revision < own && isAlike(value))
    .map(({ value }) => value);
}
