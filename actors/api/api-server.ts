/**
 * The API server: a NATS micro service on `cloud.api.v1.>`, so that standard NATS tools find, ping and measure it.
 * Authenticates each request, checks it against its schema, and answers. Any number of them share the requests.
 */
import { type ServiceMsg, Svcm } from '@nats-io/services';
import { type Failure, fail } from '../../machines/failure.ts';
import { answer, refuse } from '../../transport/nats/call.ts';
import { contextOfClient } from '../../transport/nats/call-context.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { type Authenticator, isAdmin, openAuthenticator } from '../identity/authenticator.ts';
import type { Part, Runtime } from '../runtime/runtime.ts';
import { type Handler, openHandlers } from './endpoints.ts';

export const apiVersion = '1.0.0';

/** What an endpoint has done since this server began. */
interface Measure {
  answers: number;
  failures: number;
  totalMs: number;
}

export async function startApiServer(runtime: Runtime): Promise<Part> {
  const { bus, clock, logger } = runtime;
  const [authenticator, handlers] = await Promise.all([openAuthenticator(runtime), openHandlers(runtime)]);
  const measures = new Map<string, Measure>();
  const service = await new Svcm(bus.connection).add({
    name: 'kilonova-api',
    version: apiVersion,
    description: 'Launches and runs virtual machines on a fleet of hosts.',
    queue: 'api',
    // The library's own figures end where a handler begins to wait.
    statsHandler: async ({ subject }) => summaryOf(measures.get(subject)),
  });
  for (const handler of handlers) {
    const { resource, verb, description } = handler.endpoint;
    const subject = subjects.api(resource, verb);
    const measure: Measure = { answers: 0, failures: 0, totalMs: 0 };
    measures.set(subject, measure);
    service.addEndpoint(`${resource}-${verb}`, {
      subject,
      metadata: { description },
      handler: (error, message) => {
        if (!error) void measured(measure, () => serve(message, handler));
      },
    });
  }

  async function measured(measure: Measure, work: () => Promise<Failure | undefined>): Promise<void> {
    const startedAt = clock.now();
    if (await work()) measure.failures += 1;
    measure.answers += 1;
    measure.totalMs += clock.now() - startedAt;
  }

  async function serve(message: ServiceMsg, { endpoint, handle }: Handler): Promise<Failure | undefined> {
    const context = contextOfClient(message.headers);
    const { request, reply, role } = endpoint;
    let caller: ReturnType<Authenticator['authenticate']>;
    try {
      caller = authenticator.authenticate(message.headers?.get('Authorization'));
      if (role === 'admin' && !isAdmin(caller)) throw fail('forbidden', `${endpoint.name} is for administrators`);
    } catch (thrown) {
      return refuse(message, thrown, context);
    }
    const failure = await answer(message, context, request, reply, (body) =>
      handle(body as never, { caller, context }),
    );
    if (failure?.code === 'internal') {
      logger.error({ endpoint: endpoint.name, requestId: context.requestId, failure }, 'a request broke');
    }
    return failure;
  }

  return {
    async stop() {
      await service.stop();
    },
  };
}

/** The `data` of an endpoint in the reply to `$SRV.STATS`. */
function summaryOf({ answers, failures, totalMs }: Measure = { answers: 0, failures: 0, totalMs: 0 }) {
  return { answers, failures, averageMs: answers === 0 ? 0 : totalMs / answers };
}
