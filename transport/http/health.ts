/** `/readyz`: whether it is any use to send somebody here. `/healthz`, whether the process lives, is the door's. */
import { errors } from 'nats';
import { api } from '../messages/api.ts';
import { ApiClient } from '../nats/api-client.ts';
import { subjects } from '../nats/subjects.ts';
import type { Routes, WebContext } from './context.ts';

/** How long NATS may take to answer (ms). */
const answerMs = 2_000;

export const health: Routes = (app, context) => {
  app.get('/readyz', async (_, reply) => {
    const reasons = await whatIsMissing(context);
    const status = reasons.length === 0 ? 200 : 503;
    return reply
      .code(status)
      .header('cache-control', 'no-store')
      .send({ ready: status === 200, ...(status !== 200 && { reasons }) });
  });
};

async function whatIsMissing({ bus, clock, facts }: WebContext): Promise<string[]> {
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(answerMs, () => late.reject(new errors.TimeoutError()));
  const isAnswered = (asked: Promise<unknown>) =>
    Promise.race([asked, late.promise]).then(
      () => true,
      () => false,
    );
  // Anyone may ask that.
  const { resource, verb } = api.schema.get;
  const asked = new ApiClient(bus, '').ask(api.schema.get, { subject: subjects.api(resource, verb) });
  const [byNats, byApi] = await Promise.all([isAnswered(bus.nats.connection.rtt()), isAnswered(asked)]);
  cancel();
  return [
    ...(byNats ? [] : ['NATS does not answer']),
    ...(byNats && !byApi ? ['no API server answers'] : []),
    ...(facts.isFollowing ? [] : ['what happens is not followed yet']),
  ];
}
