/** Calls on a real server: what is answered, and how each way of not being answered shows. */
import { headers } from 'nats';
import Type from 'typebox';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FailureError, fail } from '../../machines/failure.ts';
import type { CallContext } from '../../transport/messages/call-context.ts';
import { Exact } from '../../transport/messages/common.ts';
import { defineCall } from '../../transport/messages/kinds.ts';
import { call, isFailureReply, serve, wireToFailure } from '../../transport/nats/call.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { startTestNats, type TestNats } from '../support/nats.ts';
import { failureOf, openBus } from './support.ts';

const double = defineCall(
  'double',
  Exact({ number: Type.Integer({ maximum: 100 }) }),
  Exact({ doubled: Type.Integer() }),
  { timeoutMs: 300 },
);
const subject = subjects.networkCall('double');

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats();
});
afterAll(() => nats.stop());

type Handle = (body: { number: number }, context: CallContext) => Promise<{ doubled: number }>;

async function connect(handle: Handle = async ({ number }) => ({ doubled: 2 * number })) {
  const [client, server] = await Promise.all([openBus(nats.url), openBus(nats.url)]);
  serve(server, subject, double, handle);
  await server.nats.connection.flush();
  return { client, server };
}

it('answers with the reply', async () => {
  const { client } = await connect();
  expect(await call(client, subject, double, { number: 21 }, newContext())).toEqual({ doubled: 42 });
});

it('asks another for what may be done twice when the one that was asked stands still', async () => {
  const [client, still, server] = await Promise.all([openBus(nats.url), openBus(nats.url), openBus(nats.url)]);
  const shared = subjects.networkCall('shared');
  const timeoutMs = 20_000;
  const { promise: wasAsked, resolve: hear } = Promise.withResolvers<void>();
  const silence = still.subscribe(shared, () => hear(), { queue: 'shared' });
  await still.nats.connection.flush();
  const asking = call(client, shared, { ...double, timeoutMs, askAgainMs: 100 }, { number: 21 }, newContext());
  await wasAsked;
  serve(server, shared, double, async ({ number }) => ({ doubled: 2 * number }), { queue: 'shared' });
  silence.unsubscribe();
  await Promise.all([still.nats.connection.flush(), server.nats.connection.flush()]);
  const beganAt = performance.now();
  expect(await asking).toEqual({ doubled: 42 });
  expect(performance.now() - beganAt).toBeLessThan(timeoutMs / 2);
});

it('asks for nothing twice that may not be done twice, however long the answer takes', async () => {
  const numbers: number[] = [];
  const { client } = await connect(async ({ number }) => {
    numbers.push(number);
    return new Promise(() => undefined);
  });
  expect(await failureOf(call(client, subject, double, { number: 1 }, newContext()))).toMatchObject({
    code: 'timeout',
  });
  expect(numbers).toEqual([1]);
});

it('carries the context of the caller', async () => {
  let seen: CallContext | undefined;
  const { client } = await connect(async (_, context) => {
    seen = context;
    return { doubled: 0 };
  });
  const caller = { userId: 'zoë', projectId: 'a project\r\nX-Evil: 1', roles: ['member'] };
  const context = { ...newContext(), caller };
  await call(client, subject, double, { number: 1 }, context);
  expect(seen).toEqual(context);
});

it('lets nobody who is asked guess where other answers are waited for', async () => {
  const [client, server] = await Promise.all([openBus(nats.url), openBus(nats.url)]);
  const asked: string[] = [];
  const unguessable = subjects.networkCall('unguessable');
  server.subscribe(unguessable, ({ reply = '' }) => {
    asked.push(reply);
    server.send(reply, '{"doubled":0}');
  });
  await server.nats.connection.flush();
  for (const number of [1, 2]) await call(client, unguessable, double, { number }, newContext());
  const random = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  const places = asked.map((reply) => reply.split('.').at(-1));
  for (const place of places) expect(place).toMatch(random);
  expect(new Set(places).size).toBe(2);
});

it('answers a failure as the same failure, with its details and cause', async () => {
  const cause = fail('timeout', 'it was late', { disposition: 'retry' }).failure;
  const failure = fail('quota_exceeded', 'no more than 10\ninstances', { details: { limit: 10 }, cause });
  const { client } = await connect(() => Promise.reject(failure));
  expect(await failureOf(call(client, subject, double, { number: 1 }, newContext()))).toEqual(failure.failure);
});

it('answers a bug of the handler as an internal failure', async () => {
  const { client } = await connect(() => Promise.reject(new TypeError('x is not a function')));
  const failure = await failureOf(call(client, subject, double, { number: 1 }, newContext()));
  expect(failure).toMatchObject({ code: 'internal', disposition: 'abort' });
});

it('answers a reply that its own schema refuses as a failure, not with silence', async () => {
  const { client } = await connect(async () => ({ doubled: 0.5 }));
  expect(await failureOf(call(client, subject, double, { number: 1 }, newContext()))).toMatchObject({
    code: 'internal',
  });
});

it('knows at once when nobody listens', async () => {
  const client = await openBus(nats.url);
  const startedAt = performance.now();
  const failure = await failureOf(call(client, subject, { ...double, timeoutMs: 60_000 }, { number: 1 }, newContext()));
  expect(failure).toMatchObject({ code: 'unavailable', disposition: 'retry' });
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

it('gives up at the deadline when there is no answer', async () => {
  const { client } = await connect(() => new Promise(() => undefined));
  const failure = await failureOf(call(client, subject, double, { number: 1 }, newContext()));
  expect(failure).toMatchObject({ code: 'timeout', disposition: 'retry' });
});

it('fails as unavailable on a connection that is closed', async () => {
  const { client } = await connect();
  await client.close();
  expect(await failureOf(call(client, subject, double, { number: 1 }, newContext()))).toMatchObject({
    code: 'unavailable',
  });
});

it('does not send what the schema of the request refuses', async () => {
  const { client } = await connect();
  await expect(call(client, subject, double, { number: 1000 }, newContext())).rejects.toBeInstanceOf(TypeError);
});

it.each([
  ['nothing', '', '/number'],
  ['no JSON', '{"number":', ''],
  ['no UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), ''],
  ['no object', '[1]', ''],
  ['a wrong type', '{"number":"1"}', '/number'],
  ['a number too big', '{"number":101}', '/number'],
  ['a field too many', '{"number":1,"more":1}', '/more'],
])('answers %s as a failure that names the field, and does not handle it', async (_, payload, field) => {
  let handled = 0;
  const { client } = await connect(async () => {
    handled += 1;
    return { doubled: 0 };
  });
  const reply = await client.nats.connection.request(subject, payload, { timeout: 5_000 });
  expect(isFailureReply(reply)).toBe(true);
  expect(reply.headers?.get('Nats-Service-Error-Code')).toBe('400');
  expect(wireToFailure(reply).failure).toMatchObject({ code: 'invalid_request', details: { field } });
  expect(handled).toBe(0);
});

it.each([
  ['is absent', undefined],
  ['is empty', ''],
  ['is no JSON', '{"requestId":'],
  ['is another shape', '{"requestId":1,"traceparent":"a"}'],
  ['claims a caller without roles', '{"requestId":"r","traceparent":"t","caller":{"userId":"admin","projectId":"p"}}'],
  ['is very long', `"${'x'.repeat(100_000)}"`],
])('speaks for nobody when the context header %s', async (_, header) => {
  let seen: CallContext | undefined;
  const { client } = await connect(async ({ number }, context) => {
    seen = context;
    return { doubled: 2 * number };
  });
  const carried = headers();
  if (header !== undefined) carried.set('Kilonova-Context', header);
  const reply = await client.nats.connection.request(subject, '{"number":1}', { timeout: 5_000, headers: carried });
  expect(reply.json()).toEqual({ doubled: 2 });
  expect(seen?.caller).toBeUndefined();
  expect(seen?.requestId).toMatch(/^req-/);
});

it('refuses a reply that cannot be read', async () => {
  const [client, server] = await Promise.all([openBus(nats.url), openBus(nats.url)]);
  server.nats.connection.subscribe(subject, { callback: (_, message) => void message.respond('{"doubled":"42"}') });
  await server.nats.connection.flush();
  const answered = call(client, subject, double, { number: 21 }, newContext());
  await expect(answered).rejects.toBeInstanceOf(FailureError);
});

it('shares the calls between processes of the same queue', async () => {
  const buses = await Promise.all(Array.from({ length: 3 }, () => openBus(nats.url)));
  const [client, ...servers] = buses;
  if (!client) throw new Error('no connection');
  const handled = servers.map(() => 0);
  for (const [index, server] of servers.entries()) {
    const handle: Handle = async ({ number }) => {
      handled[index] = (handled[index] ?? 0) + 1;
      return { doubled: 2 * number };
    };
    serve(server, subject, double, handle, { queue: 'double' });
    await server.nats.connection.flush();
  }
  await Promise.all(Array.from({ length: 40 }, (_, number) => call(client, subject, double, { number }, newContext())));
  expect(handled.reduce((sum, count) => sum + count, 0)).toBe(40);
  expect(Math.min(...handled)).toBeGreaterThan(0);
});
