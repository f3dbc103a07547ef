/**
 * `/session`: signing in, who is signed in, and signing out. A session is a token that is made for it and ends with it: what
 * was shown at sign-in is not kept anywhere. Web servers share nothing: each knows as much of a session as any other.
 */
import { FailureError, fail, toFailure } from '../../machines/failure.ts';
import { sessionSeconds, type TokenView } from '../messages/api/identity.ts';
import { api } from '../messages/api.ts';
import { type SessionView, type SignIn, web } from '../messages/web.ts';
import { ApiClient } from '../nats/api-client.ts';
import type { Bus } from '../nats/bus.ts';
import type { Asking } from './asking.ts';
import type { Routes } from './context.ts';
import { neighbourhoodOf } from './neighbourhood.ts';
import { refuseForeign } from './same-origin.ts';
import { giveCookie, secretInCookie, takeBackCookie } from './session-cookie.ts';

export const sessionRoutes: Routes = (app, { bus, sockets, signIns }) => {
  /** Ends the session that a browser has, if it still is one. */
  async function endSession(asking: Asking): Promise<void> {
    const secret = secretInCookie(asking);
    const id = secret === undefined ? undefined : await revoke(bus, secret);
    if (id !== undefined) sockets.end(id);
  }

  app.post('/session', async (asking, reply) => {
    const { ip, body } = asking;
    refuseForeign(asking);
    signIns.count(ip);
    const shown = web.signIn.decode(body instanceof Buffer ? body : Buffer.alloc(0));
    const { secret, token } = await makeToken(bus, shown, ip).catch((thrown: unknown) => {
      if (['unavailable', 'too_many_requests'].includes(toFailure(thrown).code)) signIns.forgive(ip);
      throw thrown;
    });
    signIns.forgive(ip);
    const view = await viewSession(bus, secret);
    // The new cookie takes the place of the one before.
    await endSession(asking);
    giveCookie(reply, secret, token.expiresAt ? new Date(token.expiresAt) : undefined);
    return reply.header('cache-control', 'no-store').send(view);
  });

  app.get('/session', async (asking, reply) => {
    const secret = secretInCookie(asking);
    if (secret === undefined) throw fail('unauthenticated', 'nobody is signed in');
    return reply.header('cache-control', 'no-store').send(await viewSession(bus, secret));
  });

  app.delete('/session', async (asking, reply) => {
    refuseForeign(asking);
    await endSession(asking);
    takeBackCookie(reply);
    return reply.code(204).send();
  });
};

/** The token of the session. Rejects with `unauthenticated` when nobody is let in with what is shown. */
function makeToken(bus: Bus, shown: SignIn, ip: string): Promise<{ secret: string; token: TokenView }> {
  if ('password' in shown) return new ApiClient(bus, '', neighbourhoodOf(ip)).ask(api.session.create, shown);
  const asked = { expiresInSeconds: sessionSeconds, description: 'a session in a browser' };
  return new ApiClient(bus, shown.token).ask(api.token.create, asked);
}

async function viewSession(bus: Bus, secret: string): Promise<SessionView> {
  const client = new ApiClient(bus, secret);
  const [{ token, roles }, { user }, { project }] = await Promise.all([
    client.ask(api.token.get, {}),
    client.ask(api.user.get, {}),
    client.ask(api.project.get, {}),
  ]);
  return {
    user: { id: user.id, name: user.name },
    project: { id: project.id, name: project.name },
    roles,
    ...(token.expiresAt && { expiresAt: token.expiresAt }),
  };
}

/** What is said of a token that ended before, or just then. */
const worthless: ReadonlySet<string> = new Set(['unauthenticated', 'not_found']);

/** Resolves with the token's id; with nothing when it was worth nothing any more. */
async function revoke(bus: Bus, secret: string): Promise<string | undefined> {
  const client = new ApiClient(bus, secret);
  try {
    const { token } = await client.ask(api.token.get, {});
    await client.ask(api.token.revoke, { id: token.id });
    return token.id;
  } catch (error) {
    if (error instanceof FailureError && worthless.has(error.failure.code)) return undefined;
    throw error;
  }
}
