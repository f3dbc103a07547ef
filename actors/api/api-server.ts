/**
 * The API server: a NATS micro service on `cloud.api.v1.>`, so that standard NATS tools find, ping and measure it.
 * Authenticates each request, checks it against its schema, and answers. Any number of them share the requests.
 */
import { type ServiceMsg, Svcm } from '@nats-io/services';
import { type FailureError, fail } from '../../machines/failure.ts';
import { answer, refuse } from '../../transport/nats/call.ts';
import { contextOfClient } from '../../transport/nats/call-context.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { type Authenticator, isAdmin, openAuthenticator } from '../identity/authenticator.ts';
import type { Part, Runtime } from '../runtime/runtime.ts';
import { type Handler, openHandlers } from './endpoints.ts';

export const apiVersion = '1.0.0';

export async function startApiServer(runtime: Runtime): Promise<Part> {
  const { bus, logger } = runtime;
  const [authenticator, handlers] = await Promise.all([openAuthenticator(runtime), openHandlers(runtime)]);
  const service = await new Svcm(bus.connection).add({
    name: 'kilonova-api',
    version: apiVersion,
    description: 'Launches and runs virtual machines on a fleet of hosts.',
    queue: 'api',
  });
  for (const handler of handlers) {
    const { resource, verb, description } = handler.endpoint;
    service.addEndpoint(`${resource}-${verb}`, {
      subject: subjects.api(resource, verb),
      metadata: { description },
      handler: (error, message) => {
        if (!error) void serve(message, handler);
      },
    });
  }

  async function serve(message: ServiceMsg, { endpoint, handle }: Handler): Promise<void> {
    const context = contextOfClient(message.headers);
    const { request, reply, role } = endpoint;
    let caller: ReturnType<Authenticator['authenticate']>;
    try {
      caller = authenticator.authenticate(message.headers?.get('Authorization'));
      if (role === 'admin' && !isAdmin(caller)) throw fail('forbidden', `${endpoint.name} is for administrators`);
    } catch (thrown) {
      refuse(message, thrown as FailureError, context);
      return;
    }
    const failure = await answer(message, context, request, reply, (body) =>
      handle(body as never, { caller, context }),
    );
    if (failure?.code === 'internal') {
      logger.error({ endpoint: endpoint.name, requestId: context.requestId, failure }, 'a request broke');
    }
  }

  return {
    async stop() {
      await service.stop();
    },
  };
}
