/** Metadata of which a client names what is to be other: two who change different names keep what each has changed. */
import { fail } from '../../machines/failure.ts';
import { type Metadata, type MetadataChanges, mostMetadata } from '../../transport/messages/common.ts';

/** `field` is where the changes stand in the request. Throws `invalid_request` when there would be too many names. */
export function changedMetadata(before: Metadata, changes: MetadataChanges, field: string): Metadata {
  const after = Object.entries({ ...before, ...changes }).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  if (after.length > mostMetadata) {
    throw fail('invalid_request', `field ${field}: with it there would be more than ${mostMetadata} names`, {
      details: { field },
    });
  }
  return Object.fromEntries(after);
}
