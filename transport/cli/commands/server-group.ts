/** `kilonova server-group …` */
import { api } from '../../messages/api.ts';
import type { Noun } from '../client/noun.ts';

const { serverGroup } = api;

export const serverGroupNoun: Noun = {
  id: 'id',
  columns: ['name', 'id', 'policy', 'members'],
  verbs: [
    { word: 'create', endpoint: serverGroup.create, arguments: ['name'], example: 'apart --policy anti-affinity' },
    { word: 'list', endpoint: serverGroup.list, example: '' },
    { word: 'show', endpoint: serverGroup.get, arguments: ['serverGroup...'], example: 'apart' },
    { word: 'delete', endpoint: serverGroup.delete, arguments: ['serverGroup...'], example: 'apart' },
  ],
};
