import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
/** Newest first. */
let live: InstanceView[];
let deleted: InstanceView[];

beforeAll(async () => {
  cloud = await startTestCloud({ hosts: [{ name: 'host1' }, { name: 'host2', zone: 'east' }] });
  const { store } = cloud.runtime;
  const unlimited = { instances: -1, vcpus: -1, memoryMb: -1, keyPairs: -1, serverGroups: -1, securityGroups: -1 };
  await (await store.view('quota')).reached(await (await store.bucket('quota')).put('admin', unlimited));
  const all: InstanceView[] = [];
  for (let index = 0; index < 12; index++) {
    // Some at the same time, so that some are of the same millisecond.
    const { instances } = await cloud.client.ask(api.instance.create, {
      name: index === 3 ? 'special' : 'ordinary',
      image: 'simulated',
      flavor: 'm1.micro',
      availabilityZone: index % 2 ? 'east' : 'nova',
      maxCount: index === 3 ? 1 : 3,
    });
    all.push(...instances);
  }
  for (const { uuid } of all) await cloud.until(uuid, ({ state }) => state === 'running');
  const doomed = all.slice(0, 4);
  for (const { uuid } of doomed) await cloud.client.ask(api.instance.delete, { uuid });
  for (const { uuid } of doomed) await cloud.until(uuid, ({ state }) => state === 'deleted');
  const [, , , , , stopped] = all;
  await cloud.client.ask(api.instance.stop, { uuid: stopped?.uuid ?? '' });
  await cloud.until(stopped?.uuid ?? '', ({ state }) => state === 'stopped');
  live = (await list({})).filter(({ projectId }) => projectId === 'admin');
  deleted = await list({ isDeleted: true });
});
afterAll(() => cloud.stop());

async function list(query: Parameters<typeof api.instance.list.request.encode>[0]): Promise<InstanceView[]> {
  return (await cloud.client.ask(api.instance.list, query)).instances;
}

const uuidsOf = (instances: InstanceView[]) => instances.map(({ uuid }) => uuid);

describe('a list', () => {
  it('holds the live ones, newest first', () => {
    expect(live).toHaveLength(12 * 3 - 2 - 4);
    const times = live.map(({ createdAt }) => Date.parse(createdAt));
    expect(times).toEqual(times.toSorted((a, b) => b - a));
  });

  it('holds the deleted ones instead when it is asked for them', async () => {
    expect(deleted).toHaveLength(4);
    for (const { vmState, commands } of deleted) expect([vmState, commands]).toEqual(['deleted', []]);
  });

  it('holds those alone that have the name, the state and the host', async () => {
    expect(uuidsOf(await list({ name: 'special' }))).toEqual(uuidsOf(live.filter(({ name }) => name === 'special')));
    expect(uuidsOf(await list({ vmState: 'stopped' }))).toHaveLength(1);
    const east = live.filter(({ host }) => host === 'host2');
    expect(east.length).toBeGreaterThan(5);
    expect(uuidsOf(await list({ host: 'host2' }))).toEqual(uuidsOf(east));
    expect(uuidsOf(await list({ host: 'host2', vmState: 'active', name: 'special' }))).toHaveLength(1);
    expect(await list({ name: 'nobody' })).toEqual([]);
  });

  it('comes in pages that are the whole list when joined, without doubles', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.boolean(), async (limit, isDeleted) => {
        const joined: InstanceView[] = [];
        for (;;) {
          const marker = joined.at(-1)?.uuid;
          const page = await list({ limit, isDeleted, ...(marker !== undefined && { marker }) });
          expect(page.length).toBeLessThanOrEqual(limit);
          if (page.length === 0) break;
          joined.push(...page);
        }
        expect(uuidsOf(joined)).toEqual(uuidsOf(isDeleted ? deleted : live));
      }),
      { numRuns: 30 },
    );
  });

  it('goes on after the marker when that one was deleted in between', async () => {
    const [first, second] = await list({ limit: 2 });
    const { uuid } = await cloud.create({ name: 'marker' });
    await cloud.until(uuid, ({ state }) => state === 'running');
    await cloud.client.ask(api.instance.delete, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'deleted');
    expect(uuidsOf(await list({ marker: uuid, limit: 2 }))).toEqual([first?.uuid, second?.uuid]);
  });

  it('refuses a marker that is no instance', async () => {
    const marker = '00000000-0000-4000-8000-000000000000';
    await expect(list({ marker })).rejects.toMatchObject({
      failure: { code: 'not_found', details: { field: '/marker' } },
    });
  });

  it('is cut where an answer becomes too large for a message, and goes on from there', async () => {
    const metadata = Object.fromEntries(
      Array.from({ length: 128 }, (_, index) => [`${index}${'k'.repeat(250)}`, 'v'.repeat(255)]),
    );
    for (let round = 0; round < 3; round++) {
      const { instances } = await cloud.client.ask(api.instance.create, {
        ...{ name: 'heavy', image: 'simulated', flavor: 'm1.micro', metadata, maxCount: 6 },
      });
      for (const { uuid } of instances) await cloud.until(uuid, ({ state }) => state === 'running');
    }
    const joined: InstanceView[] = [];
    let pages = 0;
    for (; ; pages++) {
      const marker = joined.at(-1)?.uuid;
      const page = await list(marker === undefined ? {} : { marker });
      if (page.length === 0) break;
      joined.push(...page);
    }
    expect(pages).toBeGreaterThan(1);
    expect(joined).toHaveLength(live.length + 18);
    expect(new Set(uuidsOf(joined)).size).toBe(joined.length);
  });
});

describe('a get', () => {
  it('finds a deleted instance while it is remembered', async () => {
    const [{ uuid } = { uuid: '' }] = deleted;
    const { instance } = await cloud.client.ask(api.instance.get, { uuid });
    expect(instance).toMatchObject({ uuid, state: 'deleted', ports: [] });
    expect(instance.terminatedAt).toBeDefined();
  });

  it('finds no instance that never was', async () => {
    await expect(
      cloud.client.ask(api.instance.get, { uuid: '00000000-0000-4000-8000-000000000000' }),
    ).rejects.toMatchObject({ failure: { code: 'not_found', details: { field: '/uuid' } } });
  });
});
