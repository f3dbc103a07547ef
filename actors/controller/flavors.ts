/** Flavors: ids and names are unique. What an instance has of its flavor is in the instance's own record. */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { Flavor } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import { found, missing, named } from '../records/lookup.ts';
import { removeRecord } from './remove-record.ts';
import { keepUniqueName } from './store-order.ts';
import type { Writes } from './writes.ts';

export const flavorWrites: Writes = async (on, { store, chance }) => {
  const [flavors, view] = await Promise.all([store.bucket('flavor'), store.view('flavor')]);

  on(api.flavor.create, async ({ id = chance.uuid(), ...request }) => {
    const flavor: Flavor = { id, ...request };
    const revision = await flavors.create(id, flavor);
    if (revision === conflict) {
      throw fail('already_exists', `there is a flavor of the id ${id} already (field /id)`, {
        details: { field: '/id' },
      });
    }
    await keepUniqueName({ bucket: flavors, view, key: id, revision }, 'flavor', flavor);
    return { reply: { flavor }, written: [{ bucket: 'flavor', revision }] };
  });

  on(api.flavor.delete, async ({ flavor }) => {
    const { id } = await found(view, () => named(view, flavor, 'flavor', '/flavor'));
    return {
      reply: {},
      written: await removeRecord(store, 'flavor', id, () => missing('flavor', flavor, '/flavor')),
    };
  });
};
