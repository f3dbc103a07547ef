/** What becomes of messages while a real nats-server is away, was killed, or has lost what it stored. */
import { randomUUID } from 'node:crypto';
import Type from 'typebox';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../transport/clock.ts';
import { Exact } from '../../transport/messages/common.ts';
import { defineBucket, defineCall, defineCast, defineFact } from '../../transport/messages/kinds.ts';
import { openBucket } from '../../transport/nats/bucket.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { call, serve } from '../../transport/nats/call.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { cast, consumeCasts, ensureCastStream, onCast } from '../../transport/nats/cast.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { ensureFactStream, publishFact, replayFacts } from '../../transport/nats/fact.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { openView } from '../../transport/nats/view.ts';
import { holdDeadLetters } from '../support/dead-letters.ts';
import { startTestNats, type TestNats } from '../support/nats.ts';
import { eventually } from '../support/test-cloud.ts';
import { failureOf, Inbox, openBus } from './support.ts';

const Greeting = Exact({ name: Type.String() });
const greet = defineCall('greet', Greeting, Greeting, { timeoutMs: 10_000 });
const greetSoon = { ...greet, timeoutMs: 300 };
const subject = subjects.networkCall('greet');

let nats: TestNats;
let bus: Bus;
beforeEach(async () => {
  nats = await startTestNats();
  onTestFinished(() => nats.stop());
  bus = await openBus(nats.url);
});

const ask = (name: string, kind = greet) => call(bus, subject, kind, { name }, newContext());

/** Resolves when the connection has noticed that the server is gone. */
async function away(): Promise<void> {
  const status = bus.nats.connection.status();
  const noticed = (async () => {
    for await (const { type } of status) if (type === 'disconnect') return;
  })();
  await nats.kill();
  await noticed;
}

it('what is perishable and sent while the server is away is lost, all else arrives', async () => {
  const heard = new Inbox<string>();
  // By itself: another connection may be back a moment later, and miss what was kept.
  bus.subscribe('cloud.test', ({ data }) => heard.take(Buffer.from(data).toString()));
  await away();
  bus.send('cloud.test', 'worth nothing later', { isPerishable: true });
  bus.send('cloud.test', 'kept');
  await nats.startAgain();
  await heard.reach(1);
  bus.send('cloud.test', 'in time', { isPerishable: true });
  expect(await heard.reach(2)).toEqual(['kept', 'in time']);
});

describe('a call', () => {
  it('that is made while the server is away fails as unavailable by its deadline, and is never made later', async () => {
    const heard = new Inbox<string>();
    serve(bus, subject, greet, async (body) => {
      heard.take(body.name);
      return body;
    });
    await away();
    const askedAt = Date.now();
    expect(await failureOf(ask('too soon', greetSoon))).toMatchObject({
      code: 'unavailable',
      disposition: 'retry',
      message: expect.stringContaining('not connected to NATS'),
    });
    expect(Date.now() - askedAt).toBeLessThan(5_000);
    await nats.startAgain();
    expect(await ask('later')).toEqual({ name: 'later' });
    expect(heard.all).toEqual(['later']);
  });

  it('that waits for the server is made when it is back', async () => {
    serve(bus, subject, greet, async (body) => body);
    await away();
    const asked = ask('Ada');
    await nats.startAgain();
    expect(await asked).toEqual({ name: 'Ada' });
  });

  it('whose answer is lost with the connection says so at once', async () => {
    const heard = new Inbox<string>();
    serve(bus, subject, greet, ({ name }) => {
      heard.take(name);
      return new Promise(() => undefined);
    });
    const asked = failureOf(ask('Ada'));
    await heard.reach(1);
    const lostAt = Date.now();
    await away();
    expect(await asked).toMatchObject({ code: 'unavailable', message: expect.stringContaining('may have been done') });
    expect(Date.now() - lostAt).toBeLessThan(5_000);
  });
});

describe('a connection that ends with its server', () => {
  it('refuses at once what waits to be sent, and what is asked afterwards', async () => {
    bus = await connectBus({ url: nats.url, name: 'test', endsWithServer: true });
    onTestFinished(() => bus.close());
    await away();
    bus.send(subjects.hostFact('host1'), 'told in between');
    const waiting = failureOf(ask('in between'));
    await nats.startAgain();
    expect((await bus.ended).failure).toMatchObject({ code: 'unavailable', disposition: 'retry' });
    const endedAt = Date.now();
    expect(await waiting).toMatchObject({ code: 'unavailable' });
    expect(await failureOf(ask('afterwards'))).toMatchObject({ code: 'unavailable' });
    expect(Date.now() - endedAt).toBeLessThan(greet.timeoutMs / 2);
  });
});

it('keeps what is told while the server is away, and tells it then', async () => {
  const happened = defineFact('happened', Greeting);
  await ensureFactStream(bus.nats);
  await away();
  const names = ['Ada', 'Grace', 'Barbara'];
  for (const name of names) publishFact(bus, subjects.hostFact('host1'), happened, { name });
  await nats.startAgain();
  await eventually(() =>
    bus.nats.connection.flush().then(
      () => true,
      () => undefined,
    ),
  );
  const told = await eventually(async () => {
    const all: string[] = [];
    for await (const { body } of replayFacts(bus, subjects.hostFacts(), happened)) all.push(body?.name ?? '');
    return all.length === names.length ? all : undefined;
  });
  expect(told).toEqual(names);
});

it('goes on with casts, of before and of after, when the server is back', async () => {
  const kind = defineCast('greet', Greeting);
  await ensureCastStream(bus.nats);
  const heard = new Inbox<string>();
  const free = Promise.withResolvers<void>();
  await consumeCasts(bus, {
    durable: 'test',
    subject: subjects.computeCasts('host1'),
    deadLetters: holdDeadLetters(),
    ackWaitMs: 1_000,
    handlers: [
      onCast(kind, async ({ name }: { name: string }) => {
        heard.take(name);
        await free.promise;
      }),
    ],
    onFailure: () => undefined,
  });
  const send = (name: string) =>
    cast(bus, subjects.computeCast('host1', 'greet'), kind, { name }, { id: randomUUID(), context: newContext() });
  await send('in hand');
  await heard.reach(1);
  await away();
  const waiting = send('waiting');
  await nats.startAgain();
  free.resolve();
  await waiting;
  await send('after');
  await eventually(() => (['waiting', 'after'].every((name) => heard.all.includes(name)) ? true : undefined));
});

describe('a view', () => {
  async function open() {
    const kind = defineBucket('test', Exact({ count: Type.Integer() }));
    const bucket = await openBucket(bus, kind);
    const lost = Promise.withResolvers<Error>();
    const view = await openView(bucket, systemClock, { onLost: lost.resolve });
    onTestFinished(() => view.close());
    return { kind, bucket, view, lost: lost.promise };
  }

  it('has what was written elsewhere soon after the server is back', async () => {
    const { kind, bucket, view } = await open();
    await view.reached(await bucket.put('a', { count: 1 }));
    await away();
    await nats.startAgain();
    const other = await openBus(nats.url);
    const revision = await (await openBucket(other, kind)).put('a', { count: 2 });
    await view.reached(revision, 2_000);
    expect(view.get('a')).toEqual({ count: 2 });
  });

  it('tells that the store has lost its records, and does not go on with those of others', async () => {
    const { kind, bucket, view, lost } = await open();
    await view.reached(await bucket.put('a', { count: 1 }));
    await away();
    await nats.loseState();
    await nats.startAgain();
    // Another process, which begins now, makes the bucket anew.
    const other = await openBus(nats.url);
    await (await openBucket(other, kind)).put('b', { count: 2 });
    expect((await lost).message).toContain('has lost what it held in test');
    expect(view.get('b')).toBeUndefined();
  });

  it('tells that somebody has removed the bucket', async () => {
    const { bucket, view, lost } = await open();
    await view.reached(await bucket.put('a', { count: 1 }));
    await bus.nats.manager.streams.delete('KV_test');
    expect((await lost).message).toContain('it is not there any more');
  }, 60_000);

  it('tells that the bucket is as it was at an earlier time', async () => {
    const { bucket, view, lost } = await open();
    for (const count of [1, 2, 3]) await view.reached(await bucket.put('a', { count }));
    await nats.keepCopy();
    await view.reached(await bucket.put('a', { count: 4 }));
    await away();
    await nats.restoreCopy();
    await nats.startAgain();
    expect((await lost).message).toContain('it was at revision 4 and is now at 3');
  });
});

describe('a process that begins before there is a server', () => {
  it('waits for it, and says so', async () => {
    await nats.kill();
    const reasons = new Inbox<string>();
    const connecting = connectBus({
      url: nats.url,
      name: 'test',
      waitMs: 20_000,
      onWait: (reason) => reasons.take(reason),
    });
    await reasons.reach(1);
    await nats.startAgain();
    const connected = await connecting;
    onTestFinished(() => connected.close());
    expect(reasons.all).toEqual(['connection refused']);
    await ensureCastStream(connected.nats);
  });

  it('gives up by its deadline', async () => {
    await nats.kill();
    await expect(connectBus({ url: nats.url, name: 'test', waitMs: 600 })).rejects.toThrow('connection refused');
  });
});
