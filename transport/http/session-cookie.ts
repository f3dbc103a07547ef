/**
 * The cookie of a session: it holds a token that was made at sign-in. Only this server gets it, from pages of its own, and
 * no script can read it.
 */
import { type CookieSerializeOptions, fastifyCookie } from '@fastify/cookie';
import type { FastifyReply } from 'fastify';
import { type Asking, isEncrypted } from './asking.ts';

export class SessionCookie {
  readonly #name: string;

  /** Cookies know no ports: on one machine those of two clouds must not have the same name. */
  constructor(port: number) {
    this.#name = `kilonova-${port}`;
  }

  /** The token that somebody's browser shows. */
  secretIn(asking: Pick<Asking, 'headers' | 'protocol'>): string | undefined {
    const value = fastifyCookie.parse(asking.headers.cookie ?? '')[this.#nameFor(asking)];
    // A header is one line.
    return value !== undefined && /^[\x21-\x7e]{1,512}$/.test(value) ? value : undefined;
  }

  give(reply: FastifyReply, secret: string, expires: Date | undefined): void {
    const { request } = reply;
    reply.setCookie(this.#nameFor(request), secret, { ...optionsFor(request), ...(expires && { expires }) });
  }

  takeBack(reply: FastifyReply): void {
    reply.clearCookie(this.#nameFor(reply.request), optionsFor(reply.request));
  }

  /** The prefix makes a browser insist on what the options say. */
  #nameFor(asking: Pick<Asking, 'protocol'>): string {
    return isEncrypted(asking) ? `__Host-${this.#name}` : this.#name;
  }
}

function optionsFor(asking: Pick<Asking, 'protocol'>): CookieSerializeOptions {
  return { path: '/', httpOnly: true, sameSite: 'strict', secure: isEncrypted(asking) };
}
