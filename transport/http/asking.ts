/** As much of a request as tells who asks, and how: by what a proxy that is trusted says of it, where one has passed it on. */
import type { FastifyRequest } from 'fastify';

export type Asking = Pick<FastifyRequest, 'method' | 'headers' | 'host' | 'protocol'>;

/** Whether nobody between the client and the first of us can read along. Of WebSockets some proxies say that they are that. */
export function isEncrypted({ protocol }: Pick<Asking, 'protocol'>): boolean {
  return /^(https|wss)$/i.test(protocol);
}
