/** The API about itself: what any client needs to talk to it. */
import { api, endpoints } from '../../transport/messages/api.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { describeEndpoint } from '../../transport/reference/endpoint-schema.ts';
import { missing } from '../records/lookup.ts';
import type { Reads } from './reads.ts';

export const schemaReads: Reads = (on) => {
  const bySubject = new Map(endpoints.map((endpoint) => [subjects.api(endpoint.resource, endpoint.verb), endpoint]));

  on(api.schema.list, () => ({
    endpoints: [...bySubject].map(([subject, { description, access }]) => ({ subject, description, access })),
  }));

  on(api.schema.get, ({ subject }) => {
    const endpoint = bySubject.get(subject);
    if (!endpoint) throw missing('endpoint', subject, '/subject');
    return { endpoint: describeEndpoint(endpoint) };
  });

  on(api.schema.document, async () => {
    // At first use, because few ask for it, and it is long.
    const { default: document } = await import('../../transport/reference/asyncapi.json', { with: { type: 'json' } });
    return { document };
  });
};
