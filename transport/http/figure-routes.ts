/**
 * `/statistics`, what is made of the launches of the project, for administrators of all; `/statistics/launches/<uuid>`, one
 * of them; and `/metrics`, for Prometheus. That one is for administrators only, who may show a token by the header that
 * Prometheus knows as `authorization`: it tells of all projects and hosts.
 */
import { fail } from '../../machines/failure.ts';
import { statistics } from '../messages/statistics.ts';
import type { Routes } from './context.ts';
import { isAdministrator, openSession, type Session, secretOf } from './session.ts';

const json = 'application/json; charset=utf-8';

export const figureRoutes: Routes = (app, { bus, figures }) => {
  app.get('/statistics', async (request, reply) => {
    const session = await openSession(bus, secretOf(request));
    return reply
      .header('cache-control', 'no-store')
      .type(json)
      .send(figures.statistics(scopeOf(session)));
  });

  app.get<{ Params: { uuid: string } }>('/statistics/launches/:uuid', async (request, reply) => {
    const session = await openSession(bus, secretOf(request));
    const { uuid } = request.params;
    const launch = figures.launch(uuid, scopeOf(session));
    if (!launch) throw fail('not_found', `no launch of ${JSON.stringify(uuid)} is remembered`);
    return reply.header('cache-control', 'no-store').type(json).send(statistics.launch.encode(launch));
  });

  app.get('/metrics', async (request, reply) => {
    const secret = secretOf(request);
    if (!isAdministrator(await openSession(bus, secret))) throw fail('forbidden', 'metrics are for administrators');
    const text = await figures.metrics(secret);
    return reply.header('cache-control', 'no-store').type('text/plain; version=0.0.4; charset=utf-8').send(text);
  });
};

/** Administrators see everything. */
function scopeOf(session: Session): string | undefined {
  return isAdministrator(session) ? undefined : session.projectId;
}
