/**
 * The cookie of a session: it holds a token that was made at sign-in. Only this server gets it, from pages of its own, and
 * no script can read it.
 */
import { type CookieSerializeOptions, fastifyCookie } from '@fastify/cookie';
import type { FastifyReply } from 'fastify';
import { type Asking, isEncrypted } from './asking.ts';

/** The token that somebody's browser shows. */
export function secretInCookie(asking: Pick<Asking, 'headers' | 'host' | 'protocol'>): string | undefined {
  const value = fastifyCookie.parse(asking.headers.cookie ?? '')[nameFor(asking)];
  // A header is one line.
  return value !== undefined && /^[\x21-\x7e]{1,512}$/.test(value) ? value : undefined;
}

export function giveCookie(reply: FastifyReply, secret: string, expires: Date | undefined): void {
  const { request } = reply;
  reply.setCookie(nameFor(request), secret, { ...optionsFor(request), ...(expires && { expires }) });
}

export function takeBackCookie(reply: FastifyReply): void {
  reply.clearCookie(nameFor(reply.request), optionsFor(reply.request));
}

/**
 * Cookies know no ports: on one machine those of two clouds must not have the same name. Of the port as the browser knows
 * it: behind a proxy, several web servers of one cloud have the same one. The prefix makes a browser insist on what the
 * options say.
 */
function nameFor(asking: Pick<Asking, 'host' | 'protocol'>): string {
  const [, port] = /:(\d{1,5})$/.exec(asking.host) ?? [];
  return isEncrypted(asking) ? `__Host-kilonova-${port ?? 443}` : `kilonova-${port ?? 80}`;
}

function optionsFor(asking: Pick<Asking, 'protocol'>): CookieSerializeOptions {
  return { path: '/', httpOnly: true, sameSite: 'strict', secure: isEncrypted(asking) };
}
