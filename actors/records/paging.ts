/** Pages of a sorted list: after a marker, at most so many, and never more than fits into one message. */
import { fail } from '../../machines/failure.ts';

/** A page never holds more, whatever was asked. Nova's osapi_max_limit. */
const maxPage = 1000;
/** NATS carries 1 MiB in a message unless told otherwise. */
const maxPageBytes = 768 * 1024;

/** As many as fit into one message, and at least one; what cannot be presented is left out. */
export function pageOf<T, V>(sorted: Iterable<T>, present: (record: T) => V | undefined, limit = maxPage): V[] {
  const page: V[] = [];
  let bytes = 0;
  for (const record of sorted) {
    if (page.length === limit) break;
    const view = present(record);
    if (view === undefined) continue;
    bytes += Buffer.byteLength(JSON.stringify(view)) + 1;
    if (bytes > maxPageBytes && page.length > 0) break;
    page.push(view);
  }
  return page;
}

/**
 * What comes after the record that the marker found. It may have left the list since: what counts is where it stood.
 * `order` is the one that the list is sorted by; it never calls two records equal.
 */
export function after<T>(sorted: readonly T[], marked: T | undefined, order: (a: T, b: T) => number): readonly T[] {
  if (marked === undefined) return sorted;
  const index = sorted.findIndex((record) => order(marked, record) < 0);
  return index < 0 ? [] : sorted.slice(index);
}

export function unknownMarker(marker: string) {
  return fail('not_found', `field /marker: there is no ${JSON.stringify(marker)}`, { details: { field: '/marker' } });
}
