/**
 * The pages of the dashboard. All that has a hash in its name is kept by browsers for ever, the rest is looked at again each
 * time. What is no file and somebody's browser goes to is a place within the dashboard, which it finds by itself.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { fastifyStatic } from '@fastify/static';
import type { FastifyRequest } from 'fastify';
import { fail } from '../../machines/failure.ts';
import type { Routes } from './context.ts';

const startPage = 'index.html';

export const pages: Routes = async (app, { pages: root }) => {
  await app.register(fastifyStatic, {
    root,
    dotfiles: 'ignore',
    cacheControl: false,
    setHeaders(reply, path) {
      reply.header('cache-control', isHashed(path) ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  app.setNotFoundHandler(async (request, reply) => {
    if (!isPlace(request)) throw fail('not_found', `there is no ${request.method} ${request.url.slice(0, 200)}`);
    if (!(await isThere(join(root, startPage)))) {
      throw fail('unavailable', 'the pages of the dashboard are not built', { disposition: 'retry' });
    }
    return reply.code(200).sendFile(startPage);
  });
};

function isHashed(path: string): boolean {
  return path.includes('/assets/');
}

function isPlace({ method, url, headers: { accept = '' } }: FastifyRequest): boolean {
  return method === 'GET' && !/^\/(assets|api)\//.test(url) && accept.includes('text/html');
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
