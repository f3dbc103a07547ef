/**
 * What every answer tells the browser: that pages come from here and from nowhere else, that nothing in a page is code
 * but what comes as a script from here, and that nobody may put a page of ours into theirs.
 */
import { fastifyHelmet } from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';
import { isEncrypted } from './asking.ts';

const self = ["'self'"];
const none = ["'none'"];

export async function addHeaders(app: FastifyInstance): Promise<void> {
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
    strictTransportSecurity: false,
  });
  app.addHook('onRequest', async (asking, reply) => {
    if (isEncrypted(asking)) reply.header('strict-transport-security', 'max-age=31536000');
  });
}
