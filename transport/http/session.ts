/** Who asks: the token that a request shows, by its cookie or by a header, and what the API server says of it. */
import { fail } from '../../machines/failure.ts';
import { api } from '../messages/api.ts';
import { ApiClient } from '../nats/api-client.ts';
import type { Bus } from '../nats/bus.ts';
import type { Asking } from './asking.ts';
import { refuseForeign } from './same-origin.ts';
import { secretInCookie } from './session-cookie.ts';

export interface Session {
  /** Of the token. */
  secret: string;
  tokenId: string;
  userId: string;
  projectId: string;
  roles: readonly string[];
  /** Epoch ms; absent: when it is revoked. */
  expiresAt?: number;
}

export function isAdministrator({ roles }: Session): boolean {
  return roles.includes('admin');
}

/**
 * The secret that a request shows for whatever it wants to be done. Throws `unauthenticated` when it shows none, and
 * `forbidden` when it shows a cookie from somebody else's page: a header with a token no page can send in another's name,
 * and one with a password only in the name of somebody who has told it their browser.
 */
export function secretOf(asking: Asking): string {
  const { headers } = asking;
  const { authorization } = headers;
  if (authorization?.startsWith('Basic ')) {
    if (headers.origin !== undefined) refuseForeign(asking);
    return secretInPassword(authorization);
  }
  if (authorization !== undefined) {
    const [, secret] = /^Bearer ([\x21-\x7e]{1,512})$/.exec(authorization) ?? [];
    if (secret === undefined) throw fail('unauthenticated', 'the header Authorization must be: Bearer <token>');
    return secret;
  }
  const secret = secretInCookie(asking);
  if (secret === undefined) throw fail('unauthenticated', 'nobody is signed in');
  refuseForeign(asking);
  return secret;
}

/** For programs that can only be told a URL: they make this header of the password in it. The user may have any name. */
function secretInPassword(authorization: string): string {
  const shown = Buffer.from(authorization.slice('Basic '.length), 'base64').toString('latin1');
  const [, secret] = /^[^:]*:([\x21-\x7e]{1,512})$/.exec(shown) ?? [];
  if (secret === undefined) throw fail('unauthenticated', 'the password must be a token');
  return secret;
}

/** Rejects with `unauthenticated` when the token is worth nothing. */
export async function openSession(bus: Bus, secret: string): Promise<Session> {
  const { token, roles } = await new ApiClient(bus, secret).ask(api.token.get, {});
  const { id: tokenId, userId, projectId, expiresAt } = token;
  return { secret, tokenId, userId, projectId, roles, ...(expiresAt && { expiresAt: Date.parse(expiresAt) }) };
}
