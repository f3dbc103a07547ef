/** An endpoint as its clients are told of it: plain JSON, that any JSON Schema validator can use. */
import type { TSchema } from 'typebox';
import type { Endpoint } from '../messages/api/endpoint.ts';
import type { EndpointSchema } from '../messages/api/schema.ts';
import { FailureReply } from '../messages/common.ts';
import { subjects } from '../nats/subjects.ts';

export type JsonSchema = Record<string, unknown>;

export function describeEndpoint(endpoint: Endpoint<unknown, unknown>): EndpointSchema {
  const { resource, verb, description, access, kind, timeoutMs, request, reply, failures } = endpoint;
  const subject = subjects.api(resource, verb);
  return {
    subject,
    description,
    access,
    kind,
    timeoutMs,
    maxBytes: request.maxBytes,
    failures: [...failures],
    request: standalone(request.schema, subject, 'request'),
    reply: standalone(reply.schema, subject, 'reply'),
    failure: standalone(FailureReply, subject, 'failure'),
  };
}

/** The schema as JSON has it: without what the library keeps for itself. */
export function plainSchema(schema: TSchema): JsonSchema {
  return JSON.parse(JSON.stringify(schema)) as JsonSchema;
}

function standalone(schema: TSchema, subject: string, part: string): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:kilonova:${subject}:${part}`,
    title: `${subject} ${part}`,
    ...plainSchema(schema),
  };
}
