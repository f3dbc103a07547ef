/** Requests about flavors. A flavor never changes: instances have the one that they were launched with. */
import Type from 'typebox';
import { Exact, Id, Name } from '../common.ts';
import { Flavor } from '../records.ts';
import { read, write } from './endpoint.ts';
import { FlavorRef, markedBy, Nothing, paging } from './fields.ts';

const { vcpus, memoryMb, rootGb, extraSpecs } = Flavor.properties;
const OneFlavor = Exact({ flavor: FlavorRef });

export const flavorEndpoints = {
  create: write({
    name: 'flavor.create',
    description: 'Makes a flavor; its id is made up when none is given.',
    access: 'admin',
    failures: ['already_exists'],
    request: Exact({
      id: Type.Optional(Id),
      name: Name,
      vcpus,
      memoryMb,
      rootGb,
      extraSpecs,
    }),
    reply: Exact({ flavor: Flavor }),
  }),
  get: read({
    name: 'flavor.get',
    description: 'One flavor, by id or name.',
    request: OneFlavor,
    reply: Exact({ flavor: Flavor }),
  }),
  list: read({
    name: 'flavor.list',
    description: 'The flavors, smallest first.',
    request: Exact({ ...paging, marker: markedBy(FlavorRef) }),
    reply: Exact({ flavors: Type.Array(Flavor) }),
  }),
  delete: write({
    name: 'flavor.delete',
    description: 'Deletes a flavor; instances keep what they have of it.',
    access: 'admin',
    request: OneFlavor,
    reply: Nothing,
  }),
};
