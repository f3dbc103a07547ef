/**
 * `POST /api/v1/<resource>/<verb>`: a request of the API over HTTP. Its body goes on as the bytes that it is, which an API
 * server checks, and the answer comes back as it is, with the HTTP status that says the same.
 */
import { fail } from '../../machines/failure.ts';
import { api, endpoints } from '../messages/api.ts';
import { retryAfterOf } from '../messages/too-many.ts';
import { askOnce, isFailureReply, statusOfAnswer, wireToFailure } from '../nats/call.ts';
import { clientHeaders, contextGiven } from '../nats/call-context.ts';
import { subjects } from '../nats/subjects.ts';
import { traced } from '../tracing.ts';
import type { Routes } from './context.ts';
import { neighbourhoodOf } from './neighbourhood.ts';
import { secretOf } from './session.ts';

/** The statuses of an answer that tells nothing of whether a password was right. */
const unlooked = [429, 503];

const known = new Map(endpoints.map((endpoint) => [endpoint.name, endpoint]));

export const apiBridge: Routes = (app, { bus, signIns }) => {
  app.post<{ Params: { resource: string; verb: string } }>('/api/v1/:resource/:verb', async (asking, reply) => {
    const { params, headers, body, id, ip } = asking;
    const { resource, verb } = params;
    const name = `${resource}.${verb}`;
    const endpoint = known.get(name);
    if (!endpoint) throw fail('not_found', `there is no endpoint ${name}: schema.list tells which there are`);
    const { access, request, timeoutMs } = endpoint;
    const isAnonymous = access === 'anyone' && headers.authorization === undefined;
    const secret = isAnonymous ? '' : secretOf(asking);
    const bytes = body instanceof Buffer ? body : Buffer.alloc(0);
    // Also of what is too large to be carried to whoever would say so.
    if (bytes.length > request.maxBytes) request.decode(bytes);
    // Whoever guesses passwords may do so no more often here than at `/session`.
    const isSignIn = name === api.session.create.name;
    if (isSignIn) signIns.count(ip);
    const context = contextGiven(id, headers.traceparent?.toString());
    const subject = (isSignIn ? subjects.forwarded : subjects.api)(endpoint.resource, endpoint.verb);
    const answer = await traced(bus.tracer, { name: `POST ${name}`, kind: 'server' }, context, (context) => {
      if (context.traceparent) reply.header('traceparent', context.traceparent);
      return askOnce(
        bus,
        subject,
        name,
        bytes,
        clientHeaders(secret, { context, ...(isSignIn && { address: neighbourhoodOf(ip) }) }),
        timeoutMs,
      );
    });
    const status = statusOfAnswer(answer);
    if (isSignIn && (status === 200 || unlooked.includes(status))) signIns.forgive(ip);
    const retryAfterSeconds = isFailureReply(answer) && retryAfterOf(wireToFailure(answer).failure);
    if (retryAfterSeconds) reply.header('retry-after', String(retryAfterSeconds));
    return reply
      .code(status)
      .header('content-type', 'application/json; charset=utf-8')
      .header('cache-control', 'no-store')
      .send(Buffer.from(answer.data));
  });
};
