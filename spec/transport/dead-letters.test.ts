/** Casts that cannot be applied, on a real work queue: they leave it, and are lost neither on the way nor afterwards. */
import { randomUUID } from 'node:crypto';
import Type from 'typebox';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { fail } from '../../machines/failure.ts';
import { Exact } from '../../transport/messages/common.ts';
import { defineCast } from '../../transport/messages/kinds.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import {
  cast,
  consumeCasts,
  consumerEnded,
  type DeadLetters,
  ensureCastStream,
  onCast,
} from '../../transport/nats/cast.ts';
import { streams, subjects } from '../../transport/nats/subjects.ts';
import { holdDeadLetters } from '../support/dead-letters.ts';
import { startTestNats, type TestNats } from '../support/nats.ts';
import { eventually } from '../support/test-cloud.ts';
import { openBus } from './support.ts';

const greet = defineCast('greet', Exact({ name: Type.String() }));
type Greeting = { name: string };

/** So short that a test sees what a consumer that fell silent leaves to the next. */
const ackWaitMs = 300;

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats();
});
afterAll(() => nats.stop());

/** A host of each test's own, so that no test sees another's casts. */
let host: string;
beforeEach(() => {
  host = randomUUID();
});

async function consume(
  deadLetters: DeadLetters,
  maxDeliveries: number,
  handle: (name: string, die: () => Promise<never>) => Promise<void>,
) {
  const bus = await openBus(nats.url);
  await ensureCastStream(bus.nats);
  const died = Promise.withResolvers<void>();
  /** As a process that is killed: it says nothing more. */
  async function die(): Promise<never> {
    await bus.nats.connection.close();
    died.resolve();
    return new Promise(() => undefined);
  }
  await consumeCasts(bus, {
    durable: `test-${host}`,
    subject: subjects.computeCasts(host),
    deadLetters,
    maxDeliveries,
    ackWaitMs,
    handlers: [onCast<Greeting>(greet, ({ name }) => handle(name, die))],
    onFailure: () => undefined,
  });
  return { bus, died: died.promise };
}

async function send(...names: string[]): Promise<void> {
  const bus = await openBus(nats.url);
  await ensureCastStream(bus.nats);
  for (const name of names) {
    const options = { id: randomUUID(), context: newContext() };
    await cast(bus, subjects.computeCast(host, greet.name), greet, { name }, options);
  }
}

async function untilNoneWaits(): Promise<void> {
  const bus = await openBus(nats.url);
  await eventually(async () => {
    const { num_pending, num_ack_pending } = await bus.nats.manager.consumers.info(streams.casts.name, `test-${host}`);
    return num_pending + num_ack_pending === 0 ? true : undefined;
  });
}

it('becomes a dead letter, with what was wrong the last time, when it has failed often enough', async () => {
  const letters = holdDeadLetters();
  let tries = 0;
  await send('Ada');
  await consume(letters, 3, async () => {
    tries += 1;
    throw fail('unavailable', `try ${tries}`, { disposition: 'retry' });
  });
  await eventually(() => ([...letters.kept.values()].some((kept) => kept !== 'being tried') ? true : undefined));
  expect([...letters.kept.values()]).toMatchObject([{ code: 'unavailable', message: 'try 3' }]);
  await untilNoneWaits();
  expect(tries).toBe(3);
});

it('is no dead letter when its last try succeeds', async () => {
  const letters = holdDeadLetters();
  const duringTry: unknown[] = [];
  let tries = 0;
  await send('Ada');
  await consume(letters, 2, async () => {
    tries += 1;
    if (tries === 1) throw fail('unavailable', 'not yet');
    duringTry.push(...letters.kept.values());
  });
  await untilNoneWaits();
  await eventually(() => (tries === 2 ? true : undefined));
  expect(duringTry).toEqual(['being tried']);
  expect(letters.kept.size).toBe(0);
});

it('is a dead letter when it ends its consumer each time, and those that were in hand with it are applied', async () => {
  const letters = holdDeadLetters();
  const applied: string[] = [];
  await send('poison', 'Ada', 'Grace');
  const maxDeliveries = 3;
  let processes = 0;
  for (let isOver = false; !isOver; processes++) {
    const { died } = await consume(letters, maxDeliveries, async (name, die) => {
      if (name === 'poison') return die();
      // Whatever is taken at the same time as the poison has not got far when it ends the process.
      await new Promise((resolve) => setTimeout(resolve, 20));
      applied.push(name);
    });
    isOver = await Promise.race([died.then(() => false), untilNoneWaits().then(() => true)]);
  }
  expect([...letters.kept.values()]).toEqual([consumerEnded]);
  expect([...new Set(applied)].toSorted()).toEqual(['Ada', 'Grace']);
  // The last of them found the poison written down, and did not take it.
  expect(processes).toBe(maxDeliveries + 1);
}, 60_000);

it('stays in the queue while the dead letters cannot be stored', async () => {
  const letters = holdDeadLetters();
  let refusals = 0;
  await send('Ada');
  const { bus } = await consume(
    { ...letters, begin: async () => Promise.reject(fail('unavailable', `${refusals++}`)) },
    1,
    async () => {
      throw fail('internal', 'it never works');
    },
  );
  await eventually(() => (refusals > 0 ? true : undefined));
  const { num_ack_pending } = await bus.nats.manager.consumers.info(streams.casts.name, `test-${host}`);
  expect(num_ack_pending).toBe(1);
  expect(letters.kept.size).toBe(0);
});
