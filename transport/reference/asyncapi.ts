/** The AsyncAPI 3 document of everything public: requests and their replies, facts, and how the service is found. */
import type { TSchema } from 'typebox';
import type { Endpoint } from '../messages/api/endpoint.ts';
import { api, apiVersion } from '../messages/api.ts';
import { FailureReply } from '../messages/common.ts';
import { alarmKinds, facts } from '../messages/internal.ts';
import { factPatterns, subjects } from '../nats/subjects.ts';
import { microChannels, microOperations } from './micro-protocol.ts';
import { SharedSchemas } from './shared-schemas.ts';

/** The example of a message, by the way to its codec: `api.instance.create.request`. */
export type Examples = (name: string) => unknown;

export interface NamedEndpoint {
  /** Of its examples: `api.instance.consoleLog`. */
  path: string;
  endpoint: Endpoint<unknown, unknown>;
}

export const namedEndpoints: NamedEndpoint[] = Object.entries(api).flatMap(([resource, verbs]) =>
  Object.entries(verbs).map(([verb, endpoint]) => ({
    path: `api.${resource}.${verb}`,
    endpoint: endpoint as Endpoint<unknown, unknown>,
  })),
);

type Json = Record<string, unknown>;

export function asyncApiDocument(examples: Examples): Json {
  const shared = new SharedSchemas('#/components/schemas/');
  const message = (name: string, schema: TSchema, more: Json) => ({ name, payload: shared.refer(schema), ...more });
  const described = namedEndpoints.map((named) => ({ named, ...describe(named, message, examples) }));
  const channels = {
    ...Object.assign({}, ...described.map(({ channels: own }) => own)),
    'fact.instance': {
      address: factPatterns.instance,
      description: 'What happens to instances, as it happens; `fact.list` tells what has happened.',
      parameters: {
        project: { description: 'the id of the project' },
        uuid: { description: 'of the instance' },
      },
      messages: {
        fact: message('InstanceFact', facts.instance.body.schema, {
          examples: [{ payload: examples('facts.instance.body') }],
        }),
      },
    },
    'fact.host': {
      address: factPatterns.host,
      description: 'What happens to compute hosts, as it happens; `host.facts` tells what has happened.',
      parameters: {
        host: { description: 'its name; one that is no token by itself as `=` and base64url of its bytes' },
      },
      messages: {
        fact: message('HostFact', facts.host.body.schema, { examples: [{ payload: examples('facts.host.body') }] }),
      },
    },
    'fact.alarm': {
      address: factPatterns.alarm,
      description: 'What an operator should look at.',
      parameters: { kind: { description: 'what it is about', enum: [...alarmKinds] } },
      messages: {
        fact: message('AlarmFact', facts.alarm.body.schema, { examples: [{ payload: examples('facts.alarm.body') }] }),
      },
    },
    ...microChannels,
  };
  const operations = {
    ...Object.assign({}, ...described.map(({ operation }) => operation)),
    'fact.instance': { action: 'send', channel: { $ref: '#/channels/fact.instance' } },
    'fact.host': { action: 'send', channel: { $ref: '#/channels/fact.host' } },
    'fact.alarm': { action: 'send', channel: { $ref: '#/channels/fact.alarm' } },
    ...microOperations,
  };
  const failure = message('Failure', FailureReply, { headers: ref('schemas', 'FailureHeaders'), examples: [refused] });
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Kilonova',
      version: apiVersion,
      description: 'Launches and runs virtual machines on a fleet of hosts. Requests and replies over NATS.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      local: {
        host: '127.0.0.1:4222',
        protocol: 'nats',
        description: 'The NATS server that `kilonova up` starts, or any that its parts are connected to.',
      },
    },
    channels,
    operations,
    components: {
      schemas: { RequestHeaders: requestHeaders, FailureHeaders: failureHeaders, ...shared.all() },
      messages: { failure },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A token that `token.create` made.' },
      },
      replyAddresses: {
        inbox: {
          location: '$message.header#/reply-to',
          description: 'The reply subject that a NATS request carries. NATS clients make it by themselves.',
        },
      },
    },
  };
}

function describe(
  { path, endpoint }: NamedEndpoint,
  message: (name: string, schema: TSchema, more: Json) => Json,
  examples: Examples,
) {
  const { resource, verb, name, description, access, kind, timeoutMs, request, reply, failures } = endpoint;
  const title = pascal(`${resource}-${verb}`);
  const channels = {
    [name]: {
      address: subjects.api(resource, verb),
      messages: {
        request: message(`${title}Request`, request.schema, {
          headers: ref('schemas', 'RequestHeaders'),
          examples: [{ payload: examples(`${path}.request`) }],
        }),
      },
    },
    [`${name}.reply`]: {
      address: null,
      messages: {
        reply: message(`${title}Reply`, reply.schema, { examples: [{ payload: examples(`${path}.reply`) }] }),
        failure: ref('messages', 'failure'),
      },
    },
  };
  const operation = {
    [name]: {
      action: 'receive',
      channel: { $ref: `#/channels/${name}` },
      summary: description,
      tags: [{ name: resource }],
      ...(access !== 'anyone' && { security: [ref('securitySchemes', 'token')] }),
      messages: [{ $ref: `#/channels/${name}/messages/request` }],
      reply: {
        address: ref('replyAddresses', 'inbox'),
        channel: { $ref: `#/channels/${name}.reply` },
        messages: ['reply', 'failure'].map((each) => ({ $ref: `#/channels/${name}.reply/messages/${each}` })),
      },
      'x-access': access,
      'x-kind': kind,
      'x-timeout-ms': timeoutMs,
      'x-max-bytes': request.maxBytes,
      'x-failures': failures,
    },
  };
  return { channels, operation };
}

const ref = (kind: string, name: string) => ({ $ref: `#/components/${kind}/${name}` });

function pascal(text: string): string {
  return text.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

const requestHeaders = {
  type: 'object',
  description: 'NATS headers; their names are sensitive to case.',
  properties: {
    Authorization: { type: 'string', pattern: '^Bearer [\\x21-\\x7e]{1,512}$', description: 'the token' },
    'X-Request-Id': {
      type: 'string',
      pattern: '^req-[0-9a-f-]{36}$',
      description: 'an id for the request; one is made up when there is none, or it is not well-formed',
    },
    traceparent: {
      type: 'string',
      pattern: '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$',
      description: 'W3C trace context, which all that follows from the request carries on',
    },
  },
};

const failureHeaders = {
  type: 'object',
  description: 'The reply is a failure when these are there. As in the NATS micro protocol.',
  required: ['Nats-Service-Error', 'Nats-Service-Error-Code'],
  properties: {
    'Nats-Service-Error': { type: 'string', description: 'the message of the failure' },
    'Nats-Service-Error-Code': { type: 'string', description: 'the HTTP status that says the same' },
  },
};

/** The example of a failure. */
export const refused = {
  headers: {
    'Nats-Service-Error': 'instance.create request: field /flavor is required',
    'Nats-Service-Error-Code': '400',
  },
  payload: {
    failure: {
      code: 'invalid_request',
      message: 'instance.create request: field /flavor is required',
      disposition: 'abort',
      details: { field: '/flavor' },
    },
    requestId: 'req-01234567-89ab-4def-8123-456789abcdef',
  },
};
