/** Facts on a real server: heard at once, captured, and read again later. */
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import Type from 'typebox';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { Exact } from '../../transport/messages/common.ts';
import { defineFact } from '../../transport/messages/kinds.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { ensureFactStream, publishFact } from '../../transport/nats/fact.ts';
import { streams, subjects } from '../../transport/nats/subjects.ts';
import { startTestNats, type TestNats } from '../support/nats.ts';
import { Inbox, openBus } from './support.ts';

const moved = defineFact('moved', Exact({ to: Type.String() }));

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats();
});
afterAll(() => nats.stop());

async function open(): Promise<Bus> {
  const bus = await openBus(nats.url);
  await ensureFactStream(bus.nats);
  return bus;
}

it('is heard by whoever listens', async () => {
  const [teller, listener] = await Promise.all([open(), open()]);
  const heard = new Inbox<string>();
  const callback = (_: unknown, message: { data: Uint8Array }) => heard.take(moved.body.decode(message.data).to);
  listener.nats.connection.subscribe(subjects.hostFact('zürich 1'), { callback });
  await listener.nats.connection.flush();
  publishFact(teller, subjects.hostFact('zürich 1'), moved, { to: 'draining' });
  publishFact(teller, subjects.hostFact('bern 1'), moved, { to: 'enabled' });
  publishFact(teller, subjects.hostFact('zürich 1'), moved, { to: 'enabled' });
  expect(await heard.reach(2)).toEqual(['draining', 'enabled']);
});

it('is captured, and can be replayed in order by one who comes later', async () => {
  const bus = await open();
  const subject = subjects.instanceFact('demo', 'c0ffee00-0000-4000-8000-000000000001');
  const states = Array.from({ length: 50 }, (_, index) => `state-${index}`);
  for (const to of states) publishFact(bus, subject, moved, { to });
  await bus.nats.connection.flush();

  const late = await open();
  const { name } = await late.nats.manager.consumers.add(streams.facts.name, {
    filter_subject: subject,
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.None,
  });
  const consumer = await late.nats.jetstream.consumers.get(streams.facts.name, name);
  const seen: string[] = [];
  for await (const message of await consumer.fetch({ max_messages: states.length, expires: 10_000 })) {
    seen.push(moved.body.decode(message.data).to);
  }
  expect(seen).toEqual(states);
});

it('is kept in a quarter of the store at most, where its server has little room and tells nobody', async () => {
  const mib = 1024 ** 2;
  const small = await startTestNats({ maxStore: 300 * mib });
  onTestFinished(() => small.stop());
  const { nats: client } = await openBus(small.url);
  for (const start of ['first', 'later']) {
    await ensureFactStream(client);
    const { config } = await client.manager.streams.info(streams.facts.name);
    expect([start, config.max_bytes]).toEqual([start, 64 * mib]);
  }
});

it('is refused where there is no room for a cloud', async () => {
  const tiny = await startTestNats({ maxStore: 32 * 1024 ** 2 });
  onTestFinished(() => tiny.stop());
  const { nats: client } = await openBus(tiny.url);
  await expect(ensureFactStream(client)).rejects.toThrow('unavailable: the state store is full');
});

it('is not told, and throws nothing, when the connection is closed', async () => {
  const bus = await open();
  await bus.close();
  expect(() => publishFact(bus, subjects.hostFact('a'), moved, { to: 'x' })).not.toThrow();
});

it('is a bug, and throws, when its own schema refuses it', async () => {
  const bus = await open();
  expect(() => publishFact(bus, subjects.hostFact('a'), moved, { to: 1 } as never)).toThrow(TypeError);
});

it('has a stream that may be made again and again', async () => {
  const bus = await open();
  await ensureFactStream(bus.nats);
  expect((await bus.nats.manager.streams.info(streams.facts.name)).config.subjects).toEqual(['cloud.fact.>']);
});
