/**
 * The cookie of a session: it holds a token that was made at sign-in. Only this server gets it, from pages of its own, and
 * no script can read it.
 */
import type { CookieSerializeOptions } from '@fastify/cookie';
import type { Door } from './door.ts';

export interface SessionCookie {
  name: string;
  options: CookieSerializeOptions;
}

/** Cookies know no ports: on one machine those of two clouds must not have the same name. */
export function sessionCookieOf({ port, isEncrypted }: Pick<Door, 'port' | 'isEncrypted'>): SessionCookie {
  const name = `kilonova-${port}`;
  return {
    // The prefix makes a browser insist on what the options say.
    name: isEncrypted ? `__Host-${name}` : name,
    options: { path: '/', httpOnly: true, sameSite: 'strict', secure: isEncrypted },
  };
}
