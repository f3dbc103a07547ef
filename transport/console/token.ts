/** The token that opens a console: the host that knows it, so that it can be asked, and a secret that is known to nobody else. */
import { decodeToken, encodeToken } from '../nats/subjects.ts';

export function makeConsoleToken(host: string, secret: Buffer): string {
  return `${encodeToken(host)}.${secret.toString('base64url')}`;
}

export function hostOfConsoleToken(token: string): string {
  return decodeToken(token.slice(0, token.indexOf('.')));
}
