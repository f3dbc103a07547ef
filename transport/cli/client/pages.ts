/** Listings, page by page. */
import type { ApiClient } from '../../nats/api-client.ts';
import { subjects } from '../../nats/subjects.ts';
import { type Thing, valueAt } from './columns.ts';
import { fieldsOf, type Listing, listingOf } from './flags.ts';
import type { AnyEndpoint } from './noun.ts';

/** The field of a reply that holds what is listed; nothing when it is no listing. */
export function listedField({ reply }: AnyEndpoint): string | undefined {
  const { properties } = reply.schema as unknown as { properties: Record<string, { type?: string }> };
  const [name, ...others] = Object.keys(properties);
  return name !== undefined && others.length === 0 && properties[name]?.type === 'array' ? name : undefined;
}

/** All entries, or the first `limit`. */
export async function allPages(client: ApiClient, endpoint: AnyEndpoint, body: Thing): Promise<Thing[]> {
  const name = listedField(endpoint) ?? '';
  const limit = typeof body.limit === 'number' ? body.limit : Infinity;
  const marker = fieldsOf(endpoint).find((field) => field.name === 'marker');
  const listing = marker && listingOf(marker);
  const all: Thing[] = [];
  for (;;) {
    const last = all.at(-1);
    const from = last && listing ? { marker: valueAt(last, keyOf(listing)) } : {};
    const left = limit === Infinity ? {} : { limit: limit - all.length };
    const page = ((await client.ask(endpoint, { ...body, ...left, ...from })) as Record<string, Thing[]>)[name] ?? [];
    all.push(...page);
    if (page.length === 0 || !listing || all.length >= limit) return all;
  }
}

/** `id` of `/flavors/*​/id`. */
export function keyOf({ pointer }: Listing): string {
  return pointer.slice(pointer.indexOf('*') + 2).replaceAll('/', '.');
}

export function isListedBy({ subject }: Listing) {
  return ({ resource, verb }: AnyEndpoint) => subjects.api(resource, verb) === subject;
}
