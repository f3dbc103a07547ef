/** `kilonova api list` and `api show`: what can be asked, and its schemas. */
import { api } from '../../messages/api.ts';
import type { Thing } from '../client/columns.ts';
import type { Noun } from '../client/noun.ts';

const { schema } = api;

interface Shown {
  description: string;
  access: string;
  request: unknown;
  reply: unknown;
}

export const schemaNoun: Noun = {
  id: 'subject',
  columns: ['subject', 'access', 'description'],
  verbs: [
    { word: 'list', endpoint: schema.list, example: '' },
    {
      word: 'show',
      endpoint: schema.get,
      arguments: ['subject'],
      print: ({ endpoint }: Thing) => {
        const { description, access, request, reply } = endpoint as Shown;
        return [
          description,
          `For: ${access}`,
          '',
          ...['Request:', ...indented(request)],
          '',
          ...['Reply:', ...indented(reply)],
        ];
      },
      example: 'cloud.api.v1.instance.create',
    },
  ],
};

function indented(document: unknown): string[] {
  return JSON.stringify(document, undefined, 2).split('\n');
}
