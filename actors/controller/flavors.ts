/** Flavors: ids and names are unique. What an instance has of its flavor is in the instance's own record. */
import { api } from '../../transport/messages/api.ts';
import type { Flavor } from '../../transport/messages/records.ts';
import { found, missing, named } from '../records/lookup.ts';
import { createWithId } from './create-with-id.ts';
import { removeRecord } from './remove-record.ts';
import { keepUniqueName } from './store-order.ts';
import type { Writes } from './writes.ts';

export const flavorWrites: Writes = async (on, { store, chance }) => {
  const [flavors, view] = await Promise.all([store.bucket('flavor'), store.view('flavor')]);

  on(api.flavor.create, async ({ id: asked = chance.uuid(), ...request }) => {
    const made = await createWithId<Flavor>(flavors, chance, 'flavor', asked, (id) => ({ id, ...request }));
    const { key, value: flavor, revision } = made;
    await keepUniqueName({ bucket: flavors, view, key, revision }, 'flavor', flavor);
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
