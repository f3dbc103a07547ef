import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminProject } from '../../actors/identity/first-admin.ts';
import type { FactView } from '../../transport/messages/api/fact.ts';
import { api } from '../../transport/messages/api.ts';
import type { ApiClient } from '../../transport/nats/api-client.ts';
import { streams, subjects } from '../../transport/nats/subjects.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { pagesOf } from './pages.ts';

let cloud: TestCloud;
let uuid: string;
let other: string;
beforeAll(async () => {
  cloud = await startTestCloud();
  ({ uuid } = await cloud.create({ name: 'first' }));
  await cloud.until(uuid, ({ state }) => state === 'running');
  ({ uuid: other } = await cloud.create({ name: 'second' }));
  await cloud.until(other, ({ state }) => state === 'running');
  await eventually(async () => ((await list()).at(-1)?.fact.to === 'running' ? true : undefined));
});
afterAll(() => cloud.stop());

type Query = Parameters<typeof api.fact.list.request.encode>[0];

async function list(query: Query = {}, client: ApiClient = cloud.client): Promise<FactView[]> {
  return (await client.ask(api.fact.list, query)).facts;
}

async function consumersOfFacts(): Promise<number> {
  return (await cloud.runtime.bus.nats.manager.streams.info(streams.facts.name)).state.consumer_count;
}

const words = (told: FactView[]) => told.map(({ fact: { type, to } }) => (type === 'transition' ? to : type));

describe('a list of facts', () => {
  it('holds what happened to the instances of the project, oldest first', async () => {
    const all = await list();
    const sequences = all.map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
    expect(new Set(all.map(({ fact }) => fact.uuid))).toEqual(new Set([uuid, other]));
    expect(all[0]?.fact).toMatchObject({ type: 'command', command: 'create', to: 'scheduling', userId: 'admin', uuid });
  });

  it('is that of one instance when it is asked for', async () => {
    const mine = await list({ uuid });
    expect(mine).toEqual((await list()).filter(({ fact }) => fact.uuid === uuid));
    expect(words(mine).slice(0, 2)).toEqual(['command', 'building.checking']);
    expect(words(mine).at(-1)).toBe('running');
  });

  it('comes in pages that are the whole when joined, and ends with an empty one', async () => {
    const pages = await pagesOf(5, 'sequence', (page) => list(page));
    expect(pages.flat()).toEqual(await list());
  });

  it('begins at a time', async () => {
    const since = new Date().toISOString();
    expect(await list({ since })).toEqual([]);
    expect(await list({ since: '2100-01-01T00:00:00Z' })).toEqual([]);
    await cloud.client.ask(api.instance.update, { uuid, tags: ['new'] });
    const [told, ...more] = await eventually(async () => {
      const facts = await list({ since });
      return facts.length > 0 ? facts : undefined;
    });
    expect(more).toEqual([]);
    expect(told?.fact).toMatchObject({ type: 'command', command: 'update' });
    expect(await list({ since: '2000-01-01T00:00:00Z' })).toEqual(await list());
  });

  it.each([
    ['a leap second', '2016-12-31T23:59:60Z', true],
    ['a time before the year 0', '0000-01-01T00:00:00+23:59', true],
    ['a time after the year 9999', '9999-12-31T23:59:59-12:00', false],
    ['a time that is no number of nanoseconds in 64 bits', '2500-01-01T00:00:00Z', false],
  ])('begins at %s', async (_, since, isPast) => {
    expect(await list({ since })).toEqual(isPast ? await list() : []);
    const { instances } = await cloud.client.ask(api.instance.list, { changedSince: since });
    expect(instances.some((instance) => instance.uuid === uuid)).toBe(isPast);
  });

  it('is answered without waiting for more, and leaves no consumer behind', async () => {
    const before = await consumersOfFacts();
    const startedAt = Date.now();
    for (let round = 0; round < 10; round++) await list({ limit: 1 + round });
    await list({ marker: 1_000_000 });
    expect(Date.now() - startedAt).toBeLessThan(4_000);
    expect(await consumersOfFacts()).toBe(before);
  });

  it('is empty for another project, which finds no instance of this one', async () => {
    const stranger = await cloud.createUser('elsewhere', ['reader']);
    expect(await list({}, stranger)).toEqual([]);
    await expect(list({ uuid }, stranger)).rejects.toMatchObject({
      failure: { code: 'not_found', details: { field: '/uuid' } },
    });
  });

  it('is for administrators that of any instance, and of their own project', async () => {
    const user = await cloud.createUser('watched');
    const { uuid: theirs } = await cloud.create({}, user);
    await cloud.until(theirs, ({ state }) => state === 'running');
    await eventually(async () => (words(await list({ uuid: theirs })).at(-1) === 'running' ? true : undefined));
    expect((await list()).every(({ fact }) => fact.projectId === adminProject)).toBe(true);
    expect(await list({}, user)).toEqual(await list({ uuid: theirs }));
  });

  it('leaves out what cannot be read, and goes on behind it', async () => {
    const { bus } = cloud.runtime;
    const client = await cloud.createUser('garbled');
    const { uuid: mine } = await cloud.create({}, client);
    await cloud.until(mine, ({ state }) => state === 'running');
    await eventually(async () => (words(await list({}, client)).at(-1) === 'running' ? true : undefined));
    const before = await list({}, client);
    const marker = before.at(-1)?.sequence ?? 0;
    for (let index = 0; index < 5; index++) {
      await bus.nats.jetstream.publish(subjects.instanceFact('garbled', mine), `{"type": ${index}}`);
    }
    await client.ask(api.instance.lock, { uuid: mine });
    const [next] = await eventually(async () => {
      const facts = await list({ marker, limit: 1 }, client);
      return facts.length > 0 ? facts : undefined;
    });
    expect(next?.fact).toMatchObject({ type: 'command', command: 'lock' });
    expect(next?.sequence).toBe(marker + 6);
    expect(await list({}, client)).toHaveLength(before.length + 1);
  });

  it('is cut where an answer becomes too large for a message, and goes on from there', async () => {
    const { bus } = cloud.runtime;
    const client = await cloud.createUser('verbose');
    const { uuid: mine } = await cloud.create({}, client);
    await cloud.until(mine, ({ state }) => state === 'running');
    const [{ fact } = { fact: undefined }] = await eventually(async () => {
      const facts = await list({}, client);
      return facts.at(-1)?.fact.to === 'running' ? facts : undefined;
    });
    const failure = { code: 'internal', message: 'x'.repeat(10_000), disposition: 'abort' };
    for (let index = 0; index < 200; index++) {
      await bus.nats.jetstream.publish(
        subjects.instanceFact('verbose', mine),
        JSON.stringify({ ...fact, at: index, failure }),
      );
    }
    const pages = await pagesOf(1000, 'sequence', (page) => list(page, client));
    expect(pages.length).toBeGreaterThan(2);
    expect(pages.flat().flatMap((told) => (told.fact.failure ? [told.fact.at] : []))).toEqual([...Array(200).keys()]);
  });
});
