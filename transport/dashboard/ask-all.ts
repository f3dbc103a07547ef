/** All of a list, asked for page by page. */
import type { Endpoint } from '../messages/api/endpoint.ts';
import { api } from '../messages/api.ts';
import { allOf, pagesOf } from '../messages/pages.ts';
import { ask } from './ask.ts';

const pageSize = 500;

interface Paged {
  limit?: number;
  marker?: string;
}

/** `entries` takes them out of a page, `nameOf` says by what the next page knows the last of this one. */
export function askAll<Q extends Paged, R, T>(
  endpoint: Endpoint<Q, R>,
  entries: (reply: R) => readonly T[],
  nameOf: (entry: T) => string,
): Promise<T[]> {
  return allOf(pagesOf(async (from) => entries(await ask(endpoint, { limit: pageSize, ...from } as Q)), nameOf));
}

export const listImages = () =>
  askAll(
    api.image.list,
    ({ images }) => images,
    ({ id }) => id,
  );

export const listFlavors = () =>
  askAll(
    api.flavor.list,
    ({ flavors }) => flavors,
    ({ id }) => id,
  );
