/** Requests about the API itself. Anyone may ask. */
import Type, { type Static } from 'typebox';
import { Exact } from '../common.ts';
import { Of, read } from './endpoint.ts';
import { Nothing } from './fields.ts';

const JsonSchema = (of: string) =>
  Type.Record(Type.String(), Type.Unknown(), { description: `the JSON Schema, draft 2020-12, of ${of}` });

export const EndpointSchema = Exact(
  {
    subject: Type.String(),
    description: Type.String(),
    access: Type.String({ description: 'who may ask: anyone, reader, member or admin' }),
    kind: Type.String({ description: 'read: only looks; write: changes something' }),
    timeoutMs: Type.Integer({ description: 'how long to wait for an answer, in milliseconds' }),
    maxBytes: Type.Integer({ description: 'what a request may weigh, in bytes' }),
    failures: Type.Array(Type.String(), { description: 'the codes of the failures that it may answer' }),
    request: JsonSchema(
      'the request; of a field with `x-listed-by`, the endpoint `subject` lists the values, at `pointer` in its reply',
    ),
    reply: JsonSchema('the reply'),
    failure: JsonSchema('what is answered instead, with the header Nats-Service-Error-Code'),
  },
  { title: 'EndpointSchema' },
);
export type EndpointSchema = Static<typeof EndpointSchema>;

export const schemaEndpoints = {
  list: read({
    name: 'schema.list',
    description: 'The subjects of all endpoints.',
    access: 'anyone',
    request: Nothing,
    reply: Exact({
      endpoints: Type.Array(Exact({ subject: Type.String(), description: Type.String(), access: Type.String() })),
    }),
  }),
  get: read({
    name: 'schema.get',
    description: 'The schemas of the request, reply and failures of an endpoint.',
    access: 'anyone',
    request: Exact({
      subject: Of('schema.list', '/endpoints/*/subject', Type.String({ minLength: 1, maxLength: 255 })),
    }),
    reply: Exact({ endpoint: EndpointSchema }),
  }),
  document: read({
    name: 'schema.document',
    description: 'An AsyncAPI 3 document of all public subjects.',
    access: 'anyone',
    request: Nothing,
    reply: Exact({ document: Type.Record(Type.String(), Type.Unknown()) }),
  }),
};
