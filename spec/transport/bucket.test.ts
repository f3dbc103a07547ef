/** Buckets on a real server: of two writers one learns that it was late. */

import { randomUUID } from 'node:crypto';
import Type from 'typebox';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Exact } from '../../transport/messages/common.ts';
import { defineBucket } from '../../transport/messages/kinds.ts';
import { type Bucket, conflict, openBucket } from '../../transport/nats/bucket.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { startTestNats, type TestNats } from '../support/nats.ts';
import { rawBucket } from '../support/raw-bucket.ts';
import { failureOf, openBus } from './support.ts';

type Count = { count: number };

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats();
});
afterAll(() => nats.stop());

function kindOf(name = `test_${randomUUID().slice(0, 8)}`) {
  return defineBucket(name, Exact({ count: Type.Integer() }));
}

async function open(bus?: Bus): Promise<Bucket<Count>> {
  return openBucket(bus ?? (await openBus(nats.url)), kindOf());
}

/** The revision, when there is no conflict. */
function revisionOf(written: number | typeof conflict): number {
  if (written === conflict) throw new Error('there is a conflict');
  return written;
}

it('gives back what was created, with its revision', async () => {
  const bucket = await open();
  expect(await bucket.get('a')).toBeUndefined();
  const revision = revisionOf(await bucket.create('a', { count: 1 }));
  expect(await bucket.get('a')).toEqual({ key: 'a', value: { count: 1 }, revision });
});

it('creates a key once', async () => {
  const bucket = await open();
  const written = await Promise.all(Array.from({ length: 10 }, (_, count) => bucket.create('a', { count })));
  expect(written.filter((each) => each !== conflict)).toHaveLength(1);
  const winner = written.findIndex((each) => each !== conflict);
  expect((await bucket.get('a'))?.value).toEqual({ count: winner });
});

it('updates only what is at the revision that the writer has seen', async () => {
  const bucket = await open();
  const first = revisionOf(await bucket.create('a', { count: 1 }));
  const second = revisionOf(await bucket.update('a', { count: 2 }, first));
  expect(second).toBeGreaterThan(first);
  expect(await bucket.update('a', { count: 3 }, first)).toBe(conflict);
  expect((await bucket.get('a'))?.value).toEqual({ count: 2 });
});

it('lets writers count together without losing one', async () => {
  const bucket = await open();
  await bucket.create('a', { count: 0 });
  async function countOne(): Promise<void> {
    for (;;) {
      const entry = await bucket.get('a');
      if (!entry) throw new Error('it is gone');
      if ((await bucket.update('a', { count: entry.value.count + 1 }, entry.revision)) !== conflict) return;
    }
  }
  await Promise.all(Array.from({ length: 8 }, countOne));
  expect((await bucket.get('a'))?.value).toEqual({ count: 8 });
});

it('removes, only at the revision when one is given, and again without complaint', async () => {
  const bucket = await open();
  const first = revisionOf(await bucket.create('a', { count: 1 }));
  await bucket.update('a', { count: 2 }, first);
  expect(await bucket.remove('a', first)).toBe(conflict);
  expect(await bucket.remove('a')).toBeUndefined();
  expect(await bucket.remove('a')).toBeUndefined();
  expect(await bucket.remove('never-there')).toBeUndefined();
  expect(await bucket.get('a')).toBeUndefined();
});

it('may create again what was removed, and refuses a writer that has not noticed', async () => {
  const bucket = await open();
  const first = revisionOf(await bucket.create('a', { count: 1 }));
  await bucket.remove('a');
  expect(await bucket.update('a', { count: 2 }, first)).toBe(conflict);
  expect(revisionOf(await bucket.create('a', { count: 3 }))).toBeGreaterThan(first);
});

it('tells what stands at a key: a record, where one was removed last, or that there never was one', async () => {
  const bucket = await open();
  expect(await bucket.look('a')).toEqual({ value: undefined, revision: 0 });
  const first = revisionOf(await bucket.create('a', { count: 1 }));
  expect(await bucket.look('a')).toEqual({ key: 'a', value: { count: 1 }, revision: first });
  await bucket.remove('a');
  expect(await bucket.look('a')).toEqual({ value: undefined, revision: first + 1 });
  expect(await bucket.look('*')).toEqual({ value: undefined, revision: 0 });
  expect(Math.abs(((await bucket.writtenAt('a')) ?? 0) - Date.now())).toBeLessThan(60_000);
});

it('writes without a look when asked to put', async () => {
  const bucket = await open();
  const first = await bucket.put('a', { count: 1 });
  expect(await bucket.put('a', { count: 2 })).toBeGreaterThan(first);
});

it('lets one at a time decide over all its records: who has not seen the latest write of any is refused', async () => {
  const bucket = await open();
  const firsts = await Promise.all(['a', 'b', 'c'].map((key, count) => bucket.decide(key, { count }, 0)));
  expect(firsts.filter((each) => each !== conflict)).toEqual([1]);
  const second = revisionOf(await bucket.put('other', { count: 2 }));
  expect(await bucket.decide('a', { count: 3 }, 1)).toBe(conflict);
  const third = revisionOf(await bucket.decide('a', { count: 3 }, second));
  expect(await bucket.get('a')).toEqual({ key: 'a', value: { count: 3 }, revision: third });

  expect(await bucket.decide('a', undefined, second)).toBe(conflict);
  const fourth = revisionOf(await bucket.decide('a', undefined, third));
  expect(await bucket.get('a')).toBeUndefined();
  expect(revisionOf(await bucket.create('a', { count: 5 }))).toBeGreaterThan(fourth);
});

it('is the same bucket for everyone who opens it', async () => {
  const kind = kindOf();
  const [one, other] = await Promise.all([
    openBucket(await openBus(nats.url), kind),
    openBucket(await openBus(nats.url), kind),
  ]);
  await one.create('a', { count: 1 });
  expect((await other.get('a'))?.value).toEqual({ count: 1 });
});

it('stores nothing that its schema refuses, and says so of what somebody else stored', async () => {
  const bus = await openBus(nats.url);
  const bucket = await open(bus);
  await expect(bucket.put('a', { count: 0.5 })).rejects.toBeInstanceOf(TypeError);
  await (await rawBucket(bus, bucket)).put('a', '{"count":"1"}');
  expect(await failureOf(bucket.get('a'))).toMatchObject({ code: 'invalid_request', details: { field: '/count' } });
});

it('fails as unavailable when the store does not answer', async () => {
  const own = await startTestNats();
  const bucket = await openBucket(await openBus(own.url), kindOf());
  await own.stop();
  expect(await failureOf(bucket.put('a', { count: 1 }))).toMatchObject({ code: 'unavailable', disposition: 'retry' });
});

it.each(['', 'a b', '.a', 'a.', 'a..b', '*', '>', 'é'])(
  'takes the key %j for a bug, not for a store that is away',
  async (key) => {
    const bucket = await open();
    await expect(bucket.put(key, { count: 1 })).rejects.toBeInstanceOf(TypeError);
    await expect(bucket.create(key, { count: 1 })).rejects.toBeInstanceOf(TypeError);
    await expect(bucket.update(key, { count: 1 }, 1)).rejects.toBeInstanceOf(TypeError);
    await expect(bucket.remove(key)).rejects.toBeInstanceOf(TypeError);
  },
);

it('names a record that cannot be read, and says what to do', async () => {
  const bus = await openBus(nats.url);
  const bucket = await open(bus);
  await (await rawBucket(bus, bucket)).put('a', 'nonsense');
  const { code, message } = await failureOf(bucket.get('a'));
  expect(code).toBe('invalid_request');
  expect(message).toContain(`the record a of the bucket ${bucket.kind.name} cannot be read`);
  expect(message).toContain('put back or remove the record');
});
