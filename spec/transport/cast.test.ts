/** Casts on a real work queue: delivered at least once, applied once, lost never. */
import { randomUUID } from 'node:crypto';
import { headers } from 'nats';
import Type from 'typebox';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Failure, fail } from '../../machines/failure.ts';
import type { CallContext } from '../../transport/messages/call-context.ts';
import { Exact } from '../../transport/messages/common.ts';
import { defineCast } from '../../transport/messages/kinds.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import {
  cast,
  castForReceipt,
  consumeCasts,
  ensureCastStream,
  onCast,
  type Receipt,
} from '../../transport/nats/cast.ts';
import type { OutageListener } from '../../transport/nats/outage.ts';
import { streams, subjects } from '../../transport/nats/subjects.ts';
import { holdDeadLetters } from '../support/dead-letters.ts';
import { startTestNats, type TestNats } from '../support/nats.ts';
import { eventually } from '../support/test-cloud.ts';
import { Inbox, openBus } from './support.ts';

const greet = defineCast('greet', Exact({ name: Type.String() }));
type Greeting = { name: string };

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats();
});
afterAll(() => nats.stop());

/** A host of each test's own, so that no test sees another's casts. */
let host: string;
beforeEach(() => {
  host = `host ${randomUUID()}`;
});

type Handle = (body: Greeting, context: CallContext) => Promise<Receipt | undefined>;

async function consume(bus: Bus, handle: Handle, outage?: OutageListener) {
  const deadLetters = holdDeadLetters();
  const failures = new Inbox<{ failure: Failure; delivery: number; isLast: boolean }>();
  const consumer = await consumeCasts(bus, {
    durable: `test-${host.slice(5)}`,
    subject: subjects.computeCasts(host),
    deadLetters,
    handlers: [onCast<Greeting>(greet, async (body, context) => (await handle(body, context)) ?? {})],
    onFailure: (failure, { delivery, isLast }) => failures.take({ failure, delivery, isLast }),
    ...(outage && { outage }),
  });
  return { failures, deadLetters, stop: () => consumer.stop() };
}

async function open(): Promise<Bus> {
  const bus = await openBus(nats.url);
  await ensureCastStream(bus.nats);
  return bus;
}

function send(bus: Bus, name: string, id: string = randomUUID(), context = newContext()) {
  return cast(bus, subjects.computeCast(host, 'greet'), greet, { name }, { id, context });
}

async function waitingCasts(bus: Bus): Promise<number> {
  const { state } = await bus.nats.manager.streams.info(streams.casts.name, {
    subjects_filter: subjects.computeCasts(host),
  });
  return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
}

/** Resolves when the queue holds no cast any more: the server takes acknowledgements in its own time. */
function untilNoneWaits(bus: Bus): Promise<true> {
  return eventually(async () => ((await waitingCasts(bus)) === 0 ? true : undefined));
}

it('is delivered, with its context, and leaves the queue when it is applied', async () => {
  const bus = await open();
  const context = { ...newContext(), caller: { userId: 'alice', projectId: 'demo', roles: [] } };
  await send(bus, 'Ada', 'one', context);
  expect(await waitingCasts(bus)).toBe(1);
  const heard = new Inbox<{ body: Greeting; context: CallContext }>();
  const consumer = await consume(bus, async (body, carried) => {
    heard.take({ body, context: carried });
    return undefined;
  });
  expect(await heard.reach(1)).toEqual([{ body: { name: 'Ada' }, context }]);
  await consumer.stop();
  await untilNoneWaits(bus);
});

it('is delivered once when it is sent twice with the same id', async () => {
  const bus = await open();
  const heard = new Inbox<string>();
  await consume(bus, async ({ name }) => {
    heard.take(name);
    return undefined;
  });
  const id = randomUUID();
  for (const name of ['Ada', 'Ada again']) await send(bus, name, id);
  await send(bus, 'last');
  expect(await heard.reach(2)).toEqual(['Ada', 'last']);
});

it('is delivered again when its handler fails, until it is applied', async () => {
  const bus = await open();
  const heard = new Inbox<string>();
  const { failures } = await consume(bus, async ({ name }) => {
    heard.take(name);
    if (heard.all.length < 3) throw fail('unavailable', 'not yet', { disposition: 'retry' });
    return undefined;
  });
  await send(bus, 'Ada');
  expect(await heard.reach(3)).toEqual(['Ada', 'Ada', 'Ada']);
  expect(failures.all).toMatchObject([
    { delivery: 1, isLast: false, failure: { code: 'unavailable' } },
    { delivery: 2, isLast: false },
  ]);
});

it('gives its sender a receipt', async () => {
  const bus = await open();
  await consume(bus, async () => ({ revision: 7 }));
  const options = { id: randomUUID(), context: newContext(), waitMs: 10_000 };
  const receipt = await castForReceipt(bus, subjects.computeCast(host, 'greet'), greet, { name: 'Ada' }, options);
  expect(receipt).toEqual({ revision: 7 });
});

it('gives its sender the refusal as a receipt', async () => {
  const bus = await open();
  await consume(bus, async () => ({ failure: fail('conflict', 'it is being deleted').failure }));
  const options = { id: randomUUID(), context: newContext(), waitMs: 10_000 };
  const receipt = await castForReceipt(bus, subjects.computeCast(host, 'greet'), greet, { name: 'Ada' }, options);
  expect(receipt).toMatchObject({ failure: { code: 'conflict' } });
});

it('gives no receipt of a try that fails: what is going to be tried again may be applied yet', async () => {
  const bus = await open();
  let tries = 0;
  await consume(bus, async () => {
    tries += 1;
    if (tries === 1) throw fail('unavailable', 'not yet', { disposition: 'retry' });
    return { revision: 7 };
  });
  const options = { id: randomUUID(), context: newContext(), waitMs: 10_000 };
  const receipt = await castForReceipt(bus, subjects.computeCast(host, 'greet'), greet, { name: 'Ada' }, options);
  expect([tries, receipt]).toEqual([2, { revision: 7 }]);
});

it('gives no receipt when there is no consumer yet, and is applied when there is one', async () => {
  const bus = await open();
  const options = { id: randomUUID(), context: newContext(), waitMs: 50 };
  const subject = subjects.computeCast(host, 'greet');
  expect(await castForReceipt(bus, subject, greet, { name: 'Ada' }, options)).toBeUndefined();
  const heard = new Inbox<string>();
  await consume(bus, async ({ name }) => {
    heard.take(name);
    return { revision: 1 };
  });
  expect(await heard.reach(1)).toEqual(['Ada']);
});

it('is a dead letter at once, and told of, when it cannot be read', async () => {
  const bus = await open();
  const heard = new Inbox<string>();
  const { failures, deadLetters } = await consume(bus, async ({ name }) => {
    heard.take(name);
    return undefined;
  });
  const { seq } = await bus.nats.jetstream.publish(subjects.computeCast(host, 'greet'), '{"name":1}');
  await send(bus, 'after it');
  expect(await heard.reach(1)).toEqual(['after it']);
  expect(await failures.reach(1)).toMatchObject([
    { isLast: true, failure: { code: 'invalid_request', details: { field: '/name' } } },
  ]);
  expect(deadLetters.kept.get(seq)).toMatchObject({ code: 'invalid_request' });
  await untilNoneWaits(bus);
});

it('speaks for nobody when its context cannot be read', async () => {
  const bus = await open();
  const heard = new Inbox<CallContext>();
  await consume(bus, async (_, context) => {
    heard.take(context);
    return undefined;
  });
  const hostile = headers();
  hostile.set('Kilonova-Context', '{"caller":');
  await bus.nats.jetstream.publish(subjects.computeCast(host, 'greet'), '{"name":"Ada"}', { headers: hostile });
  const [context] = await heard.reach(1);
  expect(context?.caller).toBeUndefined();
});

it('waits for the work in hand before it stops', async () => {
  const bus = await open();
  const begun = new Inbox<string>();
  const finish = Promise.withResolvers<void>();
  const done: string[] = [];
  const consumer = await consume(bus, async ({ name }) => {
    begun.take(name);
    await finish.promise;
    done.push(name);
    return undefined;
  });
  await send(bus, 'Ada');
  await begun.reach(1);
  let hasStopped = false;
  const stopping = consumer.stop().then(() => {
    hasStopped = true;
  });
  await bus.nats.connection.flush();
  expect(hasStopped).toBe(false);
  finish.resolve();
  await stopping;
  expect(done).toEqual(['Ada']);
  await untilNoneWaits(bus);
});

it('is kept for the next process while the consumer is away', async () => {
  const bus = await open();
  const first = await consume(bus, async () => undefined);
  await first.stop();
  await send(bus, 'Ada');
  const heard = new Inbox<string>();
  await consume(await open(), async ({ name }) => {
    heard.take(name);
    return undefined;
  });
  expect(await heard.reach(1)).toEqual(['Ada']);
});

it('goes to one of two consumers that share them', async () => {
  const bus = await open();
  const heard = new Inbox<string>();
  const by = [new Set<string>(), new Set<string>()];
  for (const names of by) {
    await consume(await open(), async ({ name }) => {
      names.add(name);
      heard.take(name);
      return undefined;
    });
  }
  const names = Array.from({ length: 60 }, (_, index) => `guest ${index}`);
  await Promise.all(names.map((name) => send(bus, name)));
  await heard.reach(60);
  expect(heard.all.toSorted()).toEqual(names.toSorted());
});

it('makes a consumer again that somebody has removed, says so, and misses nothing', async () => {
  const bus = await open();
  const greeted = new Inbox<string>();
  const told: string[] = [];
  const greet: Handle = async ({ name }) => {
    greeted.take(name);
    return {};
  };
  const { stop } = await consume(bus, greet, { gone: () => told.push('gone'), back: () => told.push('back') });
  await send(bus, 'before');
  await greeted.reach(1);
  // What is not acknowledged would come again.
  await untilNoneWaits(bus);
  await bus.nats.manager.consumers.delete(streams.casts.name, `test-${host.slice(5)}`);
  await send(bus, 'after');
  expect(await greeted.reach(2)).toEqual(['before', 'after']);
  expect(told).toEqual(['gone', 'back']);
  await stop();
  await bus.close();
});
