/** `kilonova flavor …` */
import { api } from '../../messages/api.ts';
import type { Noun } from '../client/noun.ts';

const { flavor } = api;

export const flavorNoun: Noun = {
  id: 'id',
  columns: ['name', 'id', 'vcpus', 'memoryMb', 'rootGb', 'extraSpecs'],
  verbs: [
    {
      word: 'create',
      endpoint: flavor.create,
      arguments: ['name'],
      example: 'c1.small --vcpus 2 --memory-mb 1024 --root-gb 5',
    },
    { word: 'list', endpoint: flavor.list, example: '' },
    { word: 'show', endpoint: flavor.get, arguments: ['flavor...'], example: 'm1.micro' },
    { word: 'delete', endpoint: flavor.delete, arguments: ['flavor...'], example: 'c1.small' },
  ],
};
