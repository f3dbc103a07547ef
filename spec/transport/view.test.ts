/** Views on a real server: current, also for one who has just written, and after the server was away. */

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import Type from 'typebox';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startNatsServer } from '../../actors/setup/nats-server.ts';
import { systemClock } from '../../transport/clock.ts';
import { Exact } from '../../transport/messages/common.ts';
import { defineBucket } from '../../transport/messages/kinds.ts';
import { type Bucket, conflict, openBucket } from '../../transport/nats/bucket.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import type { Watched } from '../../transport/nats/key-values.ts';
import { type Change, openView, type View } from '../../transport/nats/view.ts';
import { startTestNats, type TestNats } from '../support/nats.ts';
import { rawBucket } from '../support/raw-bucket.ts';
import { failureOf, Inbox, openBus } from './support.ts';

type Count = { count: number };

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats();
});
afterAll(() => nats.stop());

function openCounts(bus: Bus, name = `test_${randomUUID().slice(0, 8)}`): Promise<Bucket<Count>> {
  return openBucket(bus, defineBucket(name, Exact({ count: Type.Integer() })));
}

async function view(bucket: Bucket<Count>, onUnreadable?: (key: string, error: unknown) => void): Promise<View<Count>> {
  const opened = await openView(bucket, systemClock, onUnreadable ? { onUnreadable } : {});
  onTestFinished(() => opened.close());
  return opened;
}

async function write(bucket: Bucket<Count>, key: string, count: number): Promise<number> {
  return bucket.put(key, { count });
}

it('is empty over an empty bucket', async () => {
  const empty = await view(await openCounts(await openBus(nats.url)));
  expect([empty.size, empty.revision, [...empty.values()]]).toEqual([0, 0, []]);
});

it('reads its own writes once it has reached their revision', async () => {
  const bucket = await openCounts(await openBus(nats.url));
  const counts = await view(bucket);
  for (let count = 1; count <= 20; count += 1) {
    await counts.reached(await write(bucket, 'a', count));
    expect(counts.get('a')).toEqual({ count });
  }
  expect(counts.entry('a')).toEqual({ key: 'a', value: { count: 20 }, revision: counts.revision });
});

it('holds all that there was when it is opened late', async () => {
  const bucket = await openCounts(await openBus(nats.url));
  for (let count = 0; count < 200; count += 1) await write(bucket, `key-${count % 100}`, count);
  await bucket.remove('key-0');
  const counts = await view(await openCounts(await openBus(nats.url), bucket.kind.name));
  expect(counts.size).toBe(99);
  expect(counts.get('key-0')).toBeUndefined();
  expect(counts.get('key-99')).toEqual({ count: 199 });
});

it('opens over a bucket of which everything was removed', async () => {
  const bucket = await openCounts(await openBus(nats.url));
  await write(bucket, 'a', 1);
  await bucket.remove('a');
  expect((await view(bucket)).size).toBe(0);
});

it('sees what others write and remove, in order', async () => {
  const [mine, theirs] = await Promise.all([openBus(nats.url), openBus(nats.url)]);
  const bucket = await openCounts(theirs);
  const counts = await view(await openCounts(mine, bucket.kind.name));
  const changes = new Inbox<Change<Count>>();
  const forget = counts.onChange(({ key, before, after, revision }) => changes.take({ key, before, after, revision }));
  const created = await write(bucket, 'a', 1);
  const updated = await write(bucket, 'a', 2);
  await bucket.remove('a', updated);
  expect(await changes.reach(3)).toEqual([
    { key: 'a', before: undefined, after: { count: 1 }, revision: created },
    { key: 'a', before: { count: 1 }, after: { count: 2 }, revision: updated },
    { key: 'a', before: { count: 2 }, after: undefined, revision: updated + 1 },
  ]);
  expect(counts.size).toBe(0);
  forget();
  await counts.reached(await write(bucket, 'b', 1));
  expect(changes.all).toHaveLength(3);
});

describe('when a version was replaced before its turn came', () => {
  it.each<[string, (counts: View<Count>) => Promise<void>]>([
    ['reads its own write', (counts) => counts.reached(2)],
    ['catches up with it', (counts) => counts.caughtUp()],
  ])('%s once its successor is there', async (_, ask) => {
    const told = toldByHand();
    told.latest = 1;
    told.tell('a', 1);
    const counts = await view(told.bucket);
    told.latest = 2;
    let isThere = false;
    const asked = ask(counts).then(() => {
      isThere = true;
    });
    // The second version of a is not told of any more: its third, the fourth write of all, came before the watch did.
    told.latest = 4;
    told.tell('b', 3);
    await setImmediate();
    expect([isThere, counts.get('a')]).toEqual([false, { count: 1 }]);
    told.tell('a', 4);
    await asked;
    expect(counts.get('a')).toEqual({ count: 4 });
  });

  it('asks nobody any more once all successors are there', async () => {
    const told = toldByHand();
    const counts = await view(told.bucket);
    told.latest = 4;
    told.tell('b', 3);
    told.tell('a', 4);
    await counts.reached(2);
    const { asked } = told;
    told.latest = 5;
    told.tell('b', 5);
    await counts.reached(5);
    expect([told.asked, counts.shows(5), counts.get('b')]).toEqual([asked, true, { count: 5 }]);
  });

  it('waits for the successor of one that was replaced while it waited', async () => {
    const told = toldByHand();
    const counts = await view(told.bucket);
    told.latest = 3;
    const caughtUp = counts.caughtUp();
    await setImmediate();
    // The first two of a, written before it was asked, were replaced by the fifth and the sixth.
    told.latest = 6;
    told.tell('b', 3);
    await setImmediate();
    told.tell('c', 4);
    await setImmediate();
    expect(counts.get('a')).toBeUndefined();
    told.tell('a', 6);
    await caughtUp;
    expect(counts.get('a')).toEqual({ count: 6 });
  });

  it('says so when there is no end of it', async () => {
    const told = toldByHand();
    const counts = await view(told.bucket);
    told.onAsked = () => {
      told.latest += 2;
      told.tell('a', told.latest);
    };
    expect(await failureOf(counts.caughtUp(100))).toMatchObject({ code: 'timeout', disposition: 'retry' });
    expect(counts.shows(counts.revision)).toBe(false);
    await counts.passed(100);
  });
});

/** A bucket whose watch tells what a test says, each time with the revision as the count. */
function toldByHand() {
  const kind = defineBucket('told_by_hand', Exact({ count: Type.Integer() }));
  const before: Watched[] = [];
  let take = (version: Watched): unknown => before.push(version);
  const hand = {
    /** The revision of the latest write of all, how often it was asked for, and what happens when it is. */
    latest: 0,
    asked: 0,
    onAsked: () => {},
    tell(key: string, revision: number): void {
      take({ key, revision, isRemoval: false, bytes: Buffer.from(kind.record.encode({ count: revision })) });
    },
    bucket: {
      kind,
      stored: {
        async watch(taker: (version: Watched) => void) {
          take = taker;
          before.forEach(taker);
          return () => undefined;
        },
        async lastRevision() {
          hand.asked += 1;
          hand.onAsked();
          // As of a store that is elsewhere.
          await setImmediate();
          return hand.latest;
        },
      },
    } as unknown as Bucket<Count>,
  };
  return hand;
}

it('says when it cannot reach a revision in time', async () => {
  const counts = await view(await openCounts(await openBus(nats.url)));
  expect(await failureOf(counts.reached(1, 10))).toMatchObject({ code: 'timeout', disposition: 'retry' });
});

it('watches nothing any more when it cannot be opened', async () => {
  const bucket = await openCounts(await openBus(nats.url));
  const { stored } = bucket;
  let watching = 0;
  const opening = openView(
    {
      ...bucket,
      stored: {
        watch: async (...args) => {
          const end = await stored.watch(...args);
          watching += 1;
          return () => {
            watching -= 1;
            end();
          };
        },
        lastRevision: async () => {
          throw new Error('the store does not answer');
        },
      },
    },
    systemClock,
  );
  await expect(opening).rejects.toThrow('the store does not answer');
  expect(watching).toBe(0);
});

it('leaves out what cannot be read, and tells of it', async () => {
  const bus = await openBus(nats.url);
  const bucket = await openCounts(bus);
  await write(bucket, 'good', 1);
  await (await rawBucket(bus, bucket)).put('bad', 'not JSON');
  const unreadable: string[] = [];
  const counts = await view(bucket, (key) => unreadable.push(key));
  expect([...counts.values()]).toEqual([{ count: 1 }]);
  expect(unreadable).toEqual(['bad']);
  await counts.reached(await write(bucket, 'bad', 2));
  expect(counts.get('bad')).toEqual({ count: 2 });
});

it('goes on after the server was away, and misses nothing', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'kilonova-nats-'));
  onTestFinished(() => rm(stateDir, { recursive: true, force: true }));
  const before = await startNatsServer({ stateDir, port: 0 });
  const bus = await openBus(before.url);
  const bucket = await openCounts(bus);
  const counts = await view(bucket);
  const first = await write(bucket, 'a', 1);
  await counts.reached(first);
  await before.stop();

  const after = await startNatsServer({ stateDir, port: Number(new URL(before.url).port) });
  onTestFinished(() => after.stop());
  // Written by another connection, so that the view's own has yet to come back.
  const other = await openCounts(await openBus(after.url), bucket.kind.name);
  const second = await other.update('a', { count: 2 }, first);
  if (second === conflict) throw new Error('the store has forgotten the first write');
  await other.create('b', { count: 1 });
  await counts.reached(await write(other, 'c', 1), 25_000);
  expect([counts.get('a'), counts.get('b'), counts.get('c')]).toEqual([{ count: 2 }, { count: 1 }, { count: 1 }]);
  await counts.reached(await write(bucket, 'd', 1), 25_000);
  expect(counts.size).toBe(4);
}, 60_000);
