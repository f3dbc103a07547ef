/** `kilonova network …`, `subnet …` and `address …` */
import { api } from '../../messages/api.ts';
import { type Column, valueAt } from '../client/columns.ts';
import type { Noun } from '../client/noun.ts';

const { network, subnet, address } = api;

const usedAddresses: Column = {
  name: 'addresses',
  of: (thing) => `${valueAt(thing, 'addresses.used')}/${valueAt(thing, 'addresses.total')}`,
};

export const networkNoun: Noun = {
  id: 'id',
  columns: ['name', 'id', 'type', 'isShared', 'mtu', 'bridge'],
  verbs: [
    { word: 'list', endpoint: network.list, example: '' },
    { word: 'show', endpoint: network.get, arguments: ['network...'], example: 'default' },
  ],
};

export const subnetNoun: Noun = {
  id: 'id',
  columns: ['id', 'cidr', 'gateway', usedAddresses, 'networkId'],
  verbs: [{ word: 'list', endpoint: subnet.list, example: '--network default' }],
};

export const addressNoun: Noun = {
  id: 'address',
  columns: ['address', 'mac', 'instanceUuid', 'leasedAt'],
  verbs: [{ word: 'list', endpoint: address.list, example: '--network default' }],
};
