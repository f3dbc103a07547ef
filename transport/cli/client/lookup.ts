/** Names where the API wants ids. */
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { fail, toFailure } from '../../../machines/failure.ts';
import { endpoints } from '../../messages/api.ts';
import { Name, Uuid } from '../../messages/common.ts';
import type { ApiClient } from '../../nats/api-client.ts';
import { pathsOf, type Thing } from './columns.ts';
import { fieldsOf, type Listing, patternOf } from './flags.ts';
import type { AnyEndpoint } from './noun.ts';
import { allPages, isListedBy, keyOf, listedField } from './pages.ts';

const uuid = new RegExp(patternOf(Uuid) ?? '');
/** Nothing is called otherwise: nobody has to be asked. */
const isName = Compile(Name);

export class Lookup {
  readonly #client: ApiClient;

  constructor(client: ApiClient) {
    this.#client = client;
  }

  /** What is given may be a list of them. Rejects with `not_found`, or with `conflict` when several have the name. */
  async idsOf(listing: Listing, given: unknown, field: string): Promise<unknown> {
    if (Array.isArray(given)) return Promise.all(given.map((each) => this.idsOf(listing, each, field)));
    const endpoint = endpoints.find(isListedBy(listing));
    if (typeof given !== 'string' || !endpoint || !isKnownByIdOnly(listing, endpoint)) return given;
    return this.#idOf(endpoint, keyOf(listing), given, field);
  }

  async #idOf(endpoint: AnyEndpoint, key: string, given: string, field: string): Promise<string> {
    if (uuid.test(given)) return given;
    const all = isName.Check(given) ? await this.#list(endpoint, given) : [];
    if (!all || all.some((each) => each[key] === given)) return given;
    const found = all.filter(({ name }) => name === given);
    const [first] = found;
    const what = endpoint.resource.replaceAll('-', ' ');
    if (!first)
      throw fail('not_found', `there is no ${what} ${JSON.stringify(given)}`, { details: { field: `/${field}` } });
    if (found.length > 1) {
      const ids = found.map((each) => each[key]);
      throw fail(
        'conflict',
        `there are ${found.length} ${what}s named ${JSON.stringify(given)}; name one by its ${key}: ${ids.join(', ')}`,
        { details: { field: `/${field}`, [`${key}s`]: ids } },
      );
    }
    return String(first[key]);
  }

  /** Nothing for who may not look: then what was given has to be the id. */
  async #list(endpoint: AnyEndpoint, name: string): Promise<Thing[] | undefined> {
    const canFilter = fieldsOf(endpoint).some((field) => field.name === 'name');
    try {
      return await allPages(this.#client, endpoint, canFilter ? { name } : {});
    } catch (thrown) {
      if (toFailure(thrown).code === 'forbidden') return undefined;
      throw thrown;
    }
  }
}

/** Whether what is listed has names that the field does not take. */
function isKnownByIdOnly(listing: Listing, endpoint: AnyEndpoint): boolean {
  if (listing.takesNames || !['id', 'uuid'].includes(keyOf(listing))) return false;
  const { properties } = endpoint.reply.schema as unknown as { properties: Record<string, { items?: TSchema }> };
  return pathsOf(properties[listedField(endpoint) ?? '']?.items ?? {}).includes('name');
}
