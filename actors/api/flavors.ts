/** Flavors, as anyone in a project sees them: smallest first. */
import { api } from '../../transport/messages/api.ts';
import type { Flavor } from '../../transport/messages/records.ts';
import { named } from '../records/lookup.ts';
import { after, pageOf } from '../records/paging.ts';
import type { Reads } from './reads.ts';

export const flavorReads: Reads = async (on, { store }) => {
  const flavors = await store.view('flavor');

  on(api.flavor.get, ({ flavor }) => ({ flavor: named(flavors, flavor, 'flavor', '/flavor') }));

  on(api.flavor.list, ({ limit, marker }) => {
    const marked = marker === undefined ? undefined : named(flavors, marker, 'flavor', '/marker');
    const sorted = [...flavors.values()].toSorted(bySize);
    return { flavors: pageOf(after(sorted, marked, bySize), (flavor) => flavor, limit) };
  });
};

function bySize(a: Flavor, b: Flavor): number {
  return (
    a.memoryMb - b.memoryMb || a.vcpus - b.vcpus || a.rootGb - b.rootGb || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
  );
}
