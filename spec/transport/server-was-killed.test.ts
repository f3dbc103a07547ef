/**
 * The work queue of a nats-server that was killed. What such a server knows of its queue is wrong in ways that depend on
 * the moment; here its files are brought into each of these states, as they were found after kills.
 */
import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Type from 'typebox';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startNatsServer } from '../../actors/setup/nats-server.ts';
import { Exact } from '../../transport/messages/common.ts';
import { defineCast } from '../../transport/messages/kinds.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { cast, consumeCasts, ensureCastStream, onCast } from '../../transport/nats/cast.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { consumers, streams, subjects } from '../../transport/nats/subjects.ts';
import { holdDeadLetters } from '../support/dead-letters.ts';
import { eventually } from '../support/test-cloud.ts';

const greet = defineCast('greet', Exact({ name: Type.String() }));
const host = 'host';
const patienceMs = 30_000;

let folder: string;
let cleanups: AsyncDisposableStack;

beforeEach(async () => {
  cleanups = new AsyncDisposableStack();
  folder = await mkdtemp(join(tmpdir(), 'kilonova-killed-'));
  cleanups.defer(() => rm(folder, { recursive: true, force: true }));
});

afterEach(() => cleanups.disposeAsync());

/** Where the server keeps the messages of the work queue; beside them is what it knows of consumers. */
const messages = () => join(folder, 'nats', 'jetstream', '$G', 'streams', streams.casts.name, 'msgs');
const kept = () => join(folder, 'copy');

/** A process that uses the server. */
async function connect(url: string) {
  const bus = cleanups.adopt(await connectBus({ url, name: 'test' }), (one) => one.close());
  await ensureCastStream(bus.nats);
  return {
    bus,
    async send(...names: string[]) {
      const subject = subjects.computeCast(host, greet.name);
      const options = () => ({ id: randomUUID(), context: newContext() });
      for (const name of names) await cast(bus, subject, greet, { name }, options());
    },
    async consume(handle: (name: string) => unknown) {
      await consumeCasts(bus, {
        durable: consumers.compute(host),
        subject: subjects.computeCasts(host),
        deadLetters: holdDeadLetters(),
        handlers: [onCast<{ name: string }>(greet, async ({ name }) => void (await handle(name)))],
        onFailure: () => undefined,
      });
    },
    async untilEmpty() {
      await eventually(async () => {
        const { state } = await bus.nats.manager.streams.info(streams.casts.name);
        return state.messages === 0 || undefined;
      }, patienceMs);
    },
  };
}

/** One life of the server: it writes everything when it ends. */
async function live(work: (client: Awaited<ReturnType<typeof connect>>) => Promise<void>): Promise<void> {
  const server = cleanups.adopt(await startNatsServer({ stateDir: folder, port: 0 }), (one) => one.stop());
  const client = await connect(server.url);
  await work(client);
  await client.bus.close();
  await server.stop();
}

function many(count: number, what: string): string[] {
  return Array.from({ length: count }, (_, index) => `${what} ${index + 1}`);
}

it('gives out what has the numbers of messages that were lost', async () => {
  await live(async ({ send, consume, untilEmpty }) => {
    await consume(() => undefined);
    await send(...many(300, 'lost'));
    await untilEmpty();
  });
  await rm(messages(), { recursive: true });
  const applied: string[] = [];
  await live(async ({ send, consume, untilEmpty }) => {
    await send(...many(3, 'new'));
    await consume((name) => applied.push(name));
    await untilEmpty();
  });
  expect(applied).toEqual(many(3, 'new'));
});

it('gives out what has the numbers of messages that were lost long after they were done', async () => {
  await live(async ({ send, consume, untilEmpty }) => {
    await consume(() => undefined);
    await send(...many(900, 'done'));
    await untilEmpty();
  });
  await live(async ({ consume }) => {
    await consume(() => undefined);
  });
  await rm(messages(), { recursive: true });
  const applied: string[] = [];
  await live(async ({ send, consume, untilEmpty }) => {
    await consume((name) => applied.push(name));
    await send(...many(3, 'new'));
    await untilEmpty();
  });
  expect(applied).toEqual(many(3, 'new'));
});

it('gives out again what is there and counts as done', async () => {
  await live(async ({ send }) => {
    await send(...many(300, 'cast'));
  });
  await cp(messages(), kept(), { recursive: true });
  await live(async ({ consume, untilEmpty }) => {
    await consume(() => undefined);
    await untilEmpty();
  });
  await rm(messages(), { recursive: true });
  await cp(kept(), messages(), { recursive: true });
  const applied: string[] = [];
  await live(async ({ consume, untilEmpty }) => {
    await consume((name) => applied.push(name));
    await untilEmpty();
  });
  expect(applied).toEqual(many(300, 'cast'));
});
