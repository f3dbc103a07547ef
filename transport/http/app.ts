/** The HTTP server without its port: routes, what goes with every answer, and what becomes of whatever goes wrong. */
import { maxHeaderSize } from 'node:http';
import { fastifyCookie } from '@fastify/cookie';
import { type FastifyError, type FastifyInstance, fastify } from 'fastify';
import { type Failure, FailureError, fail, toFailure } from '../../machines/failure.ts';
import { retryAfterOf } from '../messages/too-many.ts';
import { statusOf } from '../nats/call.ts';
import { contextGiven } from '../nats/call-context.ts';
import type { Routes, WebContext } from './context.ts';
import { addressesIn } from './forwarded-for.ts';
import { addHeaders } from './headers.ts';

/** What nats-server carries. What an endpoint takes may be less. */
const mostBytes = 1024 * 1024;

/** A body as it came: whoever takes it knows what it should be. */
const asBytes = (_: unknown, body: Buffer, done: (error: null, body: Buffer) => void) => done(null, body);
/** Bodies are checked by their codecs: the server's own validators, which take a while to load, have nothing to do. */
const noSchemas = () => {
  throw new TypeError('no route has a schema');
};

/** Closed by whoever has it made. */
export async function makeApp(context: WebContext, routes: readonly Routes[]): Promise<FastifyInstance> {
  const app = fastify({
    // What it would write of a request are its headers.
    logger: false,
    bodyLimit: mostBytes,
    exposeHeadRoutes: false,
    rewriteUrl: ({ url = '/' }) => readable(url),
    // What a URL may be is limited by what headers may be.
    routerOptions: { maxParamLength: maxHeaderSize },
    trustProxy: [...context.trustedProxies],
    genReqId: ({ headers }) => contextGiven(headers['x-request-id']?.toString()).requestId,
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, asBytes);
  app.addHook('onRequest', async ({ id, raw: { headers } }, reply) => {
    reply.header('x-request-id', id);
    // Node makes one list of all that came.
    headers['x-forwarded-for'] &&= addressesIn(headers['x-forwarded-for'].toString());
  });
  app.setErrorHandler<FastifyError>((error, { id, routeOptions: { url } }, reply) => {
    const { failure, status } = told(error);
    const retryAfterSeconds = retryAfterOf(failure);
    if (failure.code === 'internal') context.logger.error({ error, requestId: id, url }, 'a web request broke');
    if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds));
    return reply.code(status).header('cache-control', 'no-store').send({ failure, requestId: id });
  });
  await addHeaders(app);
  await app.register(fastifyCookie);
  for (const add of routes) await add(app, context);
  await app.ready();
  return app;
}

/** A path that cannot be decoded is taken as it stands: it is nobody's, and answered as any other that is. */
function readable(url: string): string {
  const [path = ''] = url.split('?', 1);
  try {
    decodeURIComponent(path);
    return url;
  } catch {
    return path.replaceAll('%', '%25') + url.slice(path.length);
  }
}

/** What the server itself refuses has a status of its own. */
function told(error: FastifyError): { failure: Failure; status: number } {
  if (!(error instanceof FailureError) && error.statusCode !== undefined && error.statusCode < 500) {
    return { failure: fail('invalid_request', error.message).failure, status: error.statusCode };
  }
  const failure = toFailure(error);
  return { failure, status: statusOf(failure) };
}
