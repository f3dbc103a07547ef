/** Pages of a sorted list: after a marker, at most so many, and never more than fits into one message. */

/** A page never holds more, whatever was asked. Nova's osapi_max_limit. */
const maxPage = 1000;
/** NATS carries 1 MiB in a message unless told otherwise. */
const maxPageBytes = 768 * 1024;

/** A page that is being filled. */
export class Page<V> {
  readonly entries: V[] = [];
  readonly #limit: number;
  #bytes = 0;

  constructor(limit = maxPage) {
    this.#limit = limit;
  }

  /** Whether there is room for it: as many as fit into one message, and at least one. */
  add(view: V): boolean {
    this.#bytes += Buffer.byteLength(JSON.stringify(view)) + 1;
    const hasRoom = this.entries.length < this.#limit && (this.#bytes <= maxPageBytes || this.entries.length === 0);
    if (hasRoom) this.entries.push(view);
    return hasRoom;
  }

  get isFull(): boolean {
    return this.entries.length >= this.#limit || this.#bytes >= maxPageBytes;
  }
}

/** The first page of a list. */
export function pageOf<T, V>(sorted: Iterable<T>, present: (record: T) => V, limit?: number): V[] {
  const page = new Page<V>(limit);
  for (const record of sorted) {
    if (page.isFull || !page.add(present(record))) break;
  }
  return page.entries;
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
