/**
 * The API server: a NATS micro service on `cloud.api.v1.>`, so that standard NATS tools find, ping and measure it.
 * Authenticates each request, checks it against its schema, and answers. Any number of them share the requests.
 */
import { Svcm } from '@nats-io/services';
import type { Failure } from '../../machines/failure.ts';
import type { Endpoint } from '../../transport/messages/api/endpoint.ts';
import { api, apiVersion, endpoints } from '../../transport/messages/api.ts';
import type { Message, Subscription } from '../../transport/nats/bus.ts';
import { type Answer, answer, InHand } from '../../transport/nats/call.ts';
import { askerOf, contextOfClient } from '../../transport/nats/call-context.ts';
import { relay, type Written } from '../../transport/nats/relay.ts';
import { isForAnswers, subjects } from '../../transport/nats/subjects.ts';
import { traced } from '../../transport/tracing.ts';
import { openAuthenticator, tokenIdOf } from '../identity/authenticator.ts';
import type { Part, Runtime } from '../runtime/runtime.ts';
import { addressReads } from './addresses.ts';
import { aggregateReads } from './aggregates.ts';
import { deadLetterReads } from './dead-letters.ts';
import { factReads } from './facts.ts';
import { flavorReads } from './flavors.ts';
import { hostReads } from './hosts.ts';
import { imageReads } from './images.ts';
import { instanceReads } from './instances.ts';
import { keyPairReads } from './key-pairs.ts';
import { networkReads } from './networks.ts';
import { projectReads } from './projects.ts';
import { quotaReads } from './quotas.ts';
import type { OnRead, Reads, Request } from './reads.ts';
import { roleReads } from './roles.ts';
import { schemaReads } from './schemas.ts';
import { securityGroupReads } from './security-groups.ts';
import { serverGroupReads } from './server-groups.ts';
import { tokenReads } from './tokens.ts';
import { userReads } from './users.ts';
import { zoneReads } from './zones.ts';

const resources: Reads[] = [
  instanceReads,
  factReads,
  deadLetterReads,
  keyPairReads,
  flavorReads,
  imageReads,
  hostReads,
  serverGroupReads,
  quotaReads,
  schemaReads,
  zoneReads,
  aggregateReads,
  projectReads,
  userReads,
  roleReads,
  tokenReads,
  networkReads,
  addressReads,
  securityGroupReads,
];

/** Shares the requests between all API servers. */
const queue = 'api';

/** Where a client that found us asks what to send. */
const schemaSubject = subjects.api(api.schema.get.resource, api.schema.get.verb);

type Read = (body: unknown, request: Request) => unknown;

/** What an endpoint has done since this server began. */
interface Measure {
  answers: number;
  failures: number;
  totalMs: number;
}

export async function startApiServer(runtime: Runtime): Promise<Part> {
  const { bus, clock, logger, store } = runtime;
  const authenticator = await openAuthenticator(runtime);
  const reads = new Map<string, Read>();
  const on: OnRead = ({ name }, handle) => reads.set(name, handle as Read);
  await Promise.all(resources.map((open) => open(on, runtime)));
  const measures = new Map<string, Measure>();
  const inHand = new InHand();
  const forwarded: Subscription[] = [];
  const service = await new Svcm(bus.nats.connection).add({
    name: 'kilonova-api',
    version: apiVersion,
    description: 'Launches and runs virtual machines on a fleet of hosts.',
    queue,
    // The library's own figures end where a handler begins to wait.
    statsHandler: async ({ subject }) => summaryOf(measures.get(subject)),
  });
  for (const endpoint of endpoints) {
    const { resource, verb, description, access, kind, timeoutMs } = endpoint;
    const subject = subjects.api(resource, verb);
    const measure: Measure = { answers: 0, failures: 0, totalMs: 0 };
    measures.set(subject, measure);
    const take = (message: Message) => {
      if (isForAnswers(message.reply ?? '')) inHand.add(measured(measure, () => serve(message, endpoint)));
    };
    service.addEndpoint(`${resource}-${verb}`, {
      subject,
      metadata: { description, access, kind, timeoutMs: String(timeoutMs), schema: schemaSubject },
      handler: (error, message) => {
        if (!error) take(message);
      },
    });
    if (access === 'anyone') forwarded.push(bus.subscribe(subjects.forwarded(resource, verb), take, { queue }));
  }

  async function measured(measure: Measure, work: () => Promise<Failure | undefined>): Promise<void> {
    const startedAt = clock.now();
    if (await work()) measure.failures += 1;
    measure.answers += 1;
    measure.totalMs += clock.now() - startedAt;
  }

  async function serve(message: Message, endpoint: Endpoint<unknown, unknown>): Promise<Failure | undefined> {
    const context = contextOfClient(message.headers);
    const failure = await answer(bus, message, context, () =>
      traced(bus.tracer, { name: endpoint.name, kind: 'server' }, context, async (context) => {
        const tokenId = tokenIdOf(message.headers?.get('Authorization'));
        const caller = await authenticator.admit(endpoint, tokenId);
        const body = endpoint.request.decode(message.data);
        const asker = endpoint.access === 'anyone' ? { asker: askerOf(message) } : {};
        const request = { caller, tokenId, context: { ...context, ...asker, caller } };
        return endpoint.kind === 'write' ? write(endpoint, message, request) : read(endpoint, body, request);
      }),
    );
    if (failure?.code === 'internal') {
      logger.error({ endpoint: endpoint.name, requestId: context.requestId, failure }, 'a request broke');
    }
    return failure;
  }

  async function read({ name, reply }: Endpoint<unknown, unknown>, body: unknown, request: Request): Promise<Answer> {
    const handle = reads.get(name);
    if (!handle) throw new Error(`nobody reads ${name}`);
    return { payload: reply.encode(await handle(body, request)) };
  }

  async function write(endpoint: Endpoint<unknown, unknown>, message: Message, request: Request): Promise<Answer> {
    const { payload, written } = await relay(bus, endpoint, message, request.context);
    await Promise.all(written.map(seen));
    return { payload };
  }

  /** Resolves when the view of this server shows what was written. */
  async function seen({ bucket, revision, removed }: Written): Promise<void> {
    const view = await store.view(bucket);
    await (removed === undefined ? view.reached(revision) : view.left(removed, revision));
  }

  return {
    async stop() {
      await Promise.all([service.stop(), ...forwarded.map((each) => each.drain())]);
      await inHand.done();
    },
  };
}

/** The `data` of an endpoint in the reply to `$SRV.STATS`. */
function summaryOf({ answers, failures, totalMs }: Measure = { answers: 0, failures: 0, totalMs: 0 }) {
  return { answers, failures, averageMs: answers === 0 ? 0 : totalMs / answers };
}
