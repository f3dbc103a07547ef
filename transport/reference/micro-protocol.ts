/** How the API servers are found: the subjects of the NATS micro protocol, in the terms of AsyncAPI. */

const verbs = {
  PING: 'Who is there? Each API server answers, with its id.',
  INFO: 'What can it do? Its endpoints: subject, description, access, kind, timeoutMs, and the subject to ask for schemas.',
  STATS: 'What has it done? Of each endpoint the answers, the failures, and how long they took (averageMs).',
} as const;

const identity = {
  type: { type: 'string', description: 'io.nats.micro.v1.ping_response, …info_response or …stats_response' },
  name: { type: 'string' },
  id: { type: 'string' },
  version: { type: 'string' },
  metadata: { type: 'object' },
};

const endpoint = {
  type: 'object',
  required: ['name', 'subject'],
  properties: {
    name: { type: 'string' },
    subject: { type: 'string' },
    queue_group: { type: 'string' },
    metadata: { type: 'object', additionalProperties: { type: 'string' } },
    num_requests: { type: 'integer' },
    data: {
      type: 'object',
      properties: {
        answers: { type: 'integer' },
        failures: { type: 'integer' },
        averageMs: { type: 'number', description: 'milliseconds' },
      },
    },
  },
};

const replyOf = (verb: string) => ({
  type: 'object',
  required: ['type', 'name', 'id', 'version'],
  properties: { ...identity, ...(verb !== 'PING' && { endpoints: { type: 'array', items: endpoint } }) },
});

const names = Object.entries(verbs).map(([verb, description]) => ({
  verb,
  description,
  name: `service.${verb.toLowerCase()}`,
}));

export const microChannels = Object.fromEntries(
  names.flatMap(({ verb, description, name }) => [
    [
      name,
      { address: `$SRV.${verb}.kilonova-api`, description, messages: { request: { name: `Service${verb}Request` } } },
    ],
    [`${name}.reply`, { address: null, messages: { reply: { name: `Service${verb}Reply`, payload: replyOf(verb) } } }],
  ]),
);

export const microOperations = Object.fromEntries(
  names.map(({ description, name }) => [
    name,
    {
      action: 'receive',
      channel: { $ref: `#/channels/${name}` },
      summary: description,
      reply: {
        address: { $ref: '#/components/replyAddresses/inbox' },
        channel: { $ref: `#/channels/${name}.reply` },
        messages: [{ $ref: `#/channels/${name}.reply/messages/reply` }],
      },
    },
  ]),
);
