/** All pages of a list, one after the other: only an empty one says that there are no more. */
import type { Endpoint } from '../messages/api/endpoint.ts';
import { ask } from './ask.ts';

const pageSize = 500;

interface Paged {
  limit?: number;
  marker?: string;
}

/** `entries` takes them out of a page, `nameOf` says by what the next page knows the last of this one. */
export async function askAll<Q extends Paged, R, T>(
  endpoint: Endpoint<Q, R>,
  entries: (reply: R) => readonly T[],
  nameOf: (entry: T) => string,
): Promise<T[]> {
  const all: T[] = [];
  for (let marker: string | undefined; ; ) {
    const page = entries(await ask(endpoint, { limit: pageSize, ...(marker !== undefined && { marker }) } as Q));
    all.push(...page);
    const last = page.at(-1);
    if (last === undefined) return all;
    marker = nameOf(last);
  }
}
