/**
 * What every answer tells the browser: that pages come from here and from nowhere else, that nothing in a page is code
 * but what comes as a script from here, and that nobody may put a page of ours into theirs.
 */
import { fastifyHelmet } from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';
import type { WebContext } from './context.ts';

const self = ["'self'"];
const none = ["'none'"];

export async function addHeaders(
  app: FastifyInstance,
  { isEncrypted }: Pick<WebContext, 'isEncrypted'>,
): Promise<void> {
  await app.register(fastifyHelmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: self,
        scriptSrc: self,
        scriptSrcAttr: none,
        styleSrc: self,
        // What a guest's screen sends are pictures, too.
        imgSrc: [...self, 'data:', 'blob:'],
        connectSrc: self,
        workerSrc: self,
        objectSrc: none,
        baseUri: none,
        formAction: self,
        frameAncestors: none,
      },
    },
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    strictTransportSecurity: isEncrypted && { maxAge: 31_536_000, includeSubDomains: false },
  });
}
