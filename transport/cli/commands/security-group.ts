/** `kilonova security-group …` */
import { api } from '../../messages/api.ts';
import type { Noun } from '../client/noun.ts';

const { securityGroup } = api;

export const securityGroupNoun: Noun = {
  id: 'name',
  columns: ['name', 'id', 'description', { name: 'rules', of: ({ rules }) => String((rules as unknown[]).length) }],
  verbs: [
    {
      word: 'create',
      endpoint: securityGroup.create,
      arguments: ['name'],
      example: 'web --description "what the web needs"',
    },
    { word: 'list', endpoint: securityGroup.list, example: '' },
    { word: 'show', endpoint: securityGroup.get, arguments: ['securityGroup...'], example: 'web' },
    {
      word: 'update',
      endpoint: securityGroup.update,
      arguments: ['securityGroup'],
      example: 'web --description "the web"',
    },
    {
      word: 'rule add',
      endpoint: securityGroup.addRule,
      arguments: ['securityGroup'],
      example: 'web --direction ingress --protocol tcp --from-port 443 --to-port 443',
    },
    {
      word: 'rule remove',
      endpoint: securityGroup.removeRule,
      arguments: ['securityGroup', 'ruleId...'],
      example: 'web 5f0c0f5e-3c1b-4d0e-9a53-0d9f6b1a7c11',
    },
    { word: 'delete', endpoint: securityGroup.delete, arguments: ['securityGroup...'], example: 'web' },
  ],
};
