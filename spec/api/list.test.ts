import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type InstanceView, instanceSortKeys, type ListInstances } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { pagesOf } from './pages.ts';

let cloud: TestCloud;
/** Newest first. */
let live: InstanceView[];
let deleted: InstanceView[];

beforeAll(async () => {
  cloud = await startTestCloud({ hosts: [{ name: 'host1' }, { name: 'host2', zone: 'east' }] });
  const unlimited = { instances: -1, vcpus: -1, memoryMb: -1, keyPairs: -1, serverGroups: -1, securityGroups: -1 };
  await cloud.write('quota', 'admin', unlimited);
  const all: InstanceView[] = [];
  for (let index = 0; index < 12; index++) {
    // Some at the same time, so that some are of the same millisecond.
    const { instances } = await cloud.client.ask(api.instance.create, {
      name: index === 3 ? 'special' : 'ordinary',
      image: 'simulated',
      flavor: index < 6 ? 'm1.micro' : 'm1.tiny',
      availabilityZone: index % 2 ? 'east' : 'nova',
      maxCount: index === 3 ? 1 : 3,
      tags: index % 3 ? ['web', `tier-${index % 3}`] : [],
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

async function list(query: ListInstances): Promise<InstanceView[]> {
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

  it.each<[string, ListInstances, (instance: InstanceView) => boolean]>([
    ['a part of the name, in any case', { nameContains: 'PECI' }, ({ name }) => name === 'special'],
    ['the power state', { powerState: 'shutdown' }, ({ powerState }) => powerState === 'shutdown'],
    ['the zone', { availabilityZone: 'east' }, ({ availabilityZone }) => availabilityZone === 'east'],
    ['the flavor, by name', { flavor: 'm1.tiny' }, ({ flavor }) => flavor.name === 'm1.tiny'],
    ['the image, by name', { image: 'simulated' }, () => true],
    ['no such image', { image: 'nobody' }, () => false],
    ['no such key pair', { keyName: 'nobody' }, () => false],
    ['a tag', { tags: ['web'] }, ({ tags }) => tags.includes('web')],
    ['all tags', { tags: ['web', 'tier-2'] }, ({ tags }) => tags.includes('tier-2')],
    ['the user', { userId: 'admin' }, () => true],
    ['another user', { userId: 'nobody' }, () => false],
    ['no lock', { isLocked: false }, ({ lock }) => !lock],
    ['the project that asks', { projectId: 'admin' }, () => true],
    ['another project', { projectId: 'elsewhere' }, () => false],
    [
      'all of it',
      { flavor: 'm1.tiny', tags: ['web'], host: 'host2' },
      (instance) => instance.flavor.name === 'm1.tiny' && instance.tags.includes('web') && instance.host === 'host2',
    ],
  ])('holds those alone that have %s', async (_, query, is) => {
    expect(uuidsOf(await list(query))).toEqual(uuidsOf(live.filter(is)));
  });

  it('finds by id of flavor and image, by address, reservation and lock', async () => {
    const [{ flavor, imageId, reservationId, ports, uuid } = {} as InstanceView] = live;
    expect(uuidsOf(await list({ flavor: flavor.id }))).toEqual(
      uuidsOf(live.filter((instance) => instance.flavor.id === flavor.id)),
    );
    expect(await list({ image: imageId })).toHaveLength(live.length);
    expect(uuidsOf(await list({ reservationId }))).toEqual(
      uuidsOf(live.filter((instance) => instance.reservationId === reservationId)),
    );
    expect(uuidsOf(await list({ address: ports[0]?.addresses[0] ?? '' }))).toEqual([uuid]);
    await cloud.client.ask(api.instance.lock, { uuid });
    expect(uuidsOf(await list({ isLocked: true }))).toEqual([uuid]);
    await cloud.client.ask(api.instance.unlock, { uuid });
  });

  it('tells what has changed since a time, also what is deleted since', async () => {
    const client = await cloud.createUser('changing');
    const since = async (changedSince: string, more: ListInstances = {}) =>
      uuidsOf((await client.ask(api.instance.list, { changedSince, ...more })).instances);
    const { uuid } = await cloud.create({}, client);
    const { updatedAt } = await cloud.until(uuid, ({ state }) => state === 'running');
    expect(await since(updatedAt)).toEqual([uuid]);
    await client.ask(api.instance.delete, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'deleted');
    expect(await since(updatedAt)).toEqual([uuid]);
    expect(await since(updatedAt, { isDeleted: false })).toEqual([]);
    expect(await since('2100-01-01T00:00:00Z')).toEqual([]);
    expect(uuidsOf((await client.ask(api.instance.list, { vmState: 'deleted' })).instances)).toEqual([uuid]);
  });

  it.each(instanceSortKeys.flatMap((key) => [[key, 'ascending'] as const, [key, 'descending'] as const]))(
    'is sorted by %s, %s, and its pages neither overlap nor leave out',
    async (sortBy, order) => {
      const whole = await list({ sortBy, order });
      expect(uuidsOf(whole).toSorted()).toEqual(uuidsOf(live).toSorted());
      const keys = whole.map((instance) => instance[sortBy] ?? '');
      expect(order === 'ascending' ? keys : keys.toReversed()).toEqual(keys.toSorted());
      const pages = await pagesOf(7, 'uuid', (page) => list({ sortBy, order, ...page }));
      expect(uuidsOf(pages.flat())).toEqual(uuidsOf(whole));
    },
  );

  it('looks into other projects for administrators only', async () => {
    const stranger = await cloud.createUser('elsewhere');
    const { uuid } = await cloud.create({ name: 'theirs' }, stranger);
    await cloud.until(uuid, ({ state }) => state === 'running');
    expect(uuidsOf(await list({ projectId: 'elsewhere' }))).toEqual([uuid]);
    expect(uuidsOf(await list({ allProjects: true }))).toHaveLength(live.length + 1);
    expect(uuidsOf(await list({ allProjects: true, projectId: 'elsewhere' }))).toEqual([uuid]);
    const asked = (query: ListInstances) => stranger.ask(api.instance.list, query);
    expect(uuidsOf((await asked({ projectId: 'elsewhere' })).instances)).toEqual([uuid]);
    for (const [field, query] of [
      ['/projectId', { projectId: 'admin' }],
      ['/allProjects', { allProjects: true }],
      ['/allProjects', { allProjects: true, projectId: 'elsewhere' }],
    ] as const) {
      await expect(asked(query)).rejects.toMatchObject({ failure: { code: 'forbidden', details: { field } } });
    }
    await expect(asked({ marker: live[0]?.uuid ?? '' })).rejects.toMatchObject({ failure: { code: 'not_found' } });
    const counted = async (client = cloud.client, query = {}) => (await client.ask(api.instance.count, query)).states;
    const stopped = { state: 'stopped', vmState: 'stopped', count: 1 };
    const running = { state: 'running', vmState: 'active' };
    expect(await counted()).toEqual([{ ...running, count: live.length - 1 }, stopped]);
    expect(await counted(cloud.client, { allProjects: true })).toEqual([{ ...running, count: live.length }, stopped]);
    expect(await counted(stranger)).toEqual([{ ...running, count: 1 }]);
    await expect(counted(stranger, { allProjects: true })).rejects.toMatchObject({ failure: { code: 'forbidden' } });
    await stranger.ask(api.instance.delete, { uuid });
  });

  it('holds what another release has written, as far as it can be read, with why nothing can be done with it', async () => {
    const { store } = cloud.runtime;
    const bucket = await store.bucket('instance');
    const at = Date.now();
    const template = (await bucket.get(live[0]?.uuid ?? ''))?.value as Instance;
    const strange: Instance[] = [
      { ...template, chart: { ...template.chart, version: 99 } },
      { ...template, chart: { ...template.chart, value: 'levitating' } },
    ].map((record) => ({ ...record, uuid: randomUUID(), projectId: 'strange', createdAt: at, name: 'strange' }));
    const view = await store.view('instance');
    for (const record of strange) await view.reached(await bucket.put(record.uuid, record));
    const readable = { ...template, uuid: randomUUID(), projectId: 'strange', createdAt: at - 1000 };
    await view.reached(await bucket.put(readable.uuid, readable));
    const all = await list({ projectId: 'strange', sortBy: 'name' });
    expect(uuidsOf(all).toSorted()).toEqual([...strange, readable].map(({ uuid }) => uuid).toSorted());
    const marked = await list({ projectId: 'strange', vmState: 'error', order: 'ascending' });
    expect(marked.map(({ state }) => state).toSorted()).toEqual(['levitating', 'running']);
    for (const instance of marked) {
      expect(instance).toMatchObject({ powerState: 'running', host: live[0]?.host, commands: [] });
      expect(instance.fault).toMatchObject({
        code: 'unsupported',
        message: expect.stringContaining('a later release'),
      });
      expect((await cloud.client.ask(api.instance.get, { uuid: instance.uuid })).instance).toEqual(instance);
    }
    const { states } = await cloud.client.ask(api.instance.count, { allProjects: true });
    expect(states).toContainEqual({ state: 'levitating', vmState: 'error', count: 1 });
    for (const record of [...strange, readable]) await bucket.remove(record.uuid);
  });

  it('comes in pages that are the whole list when joined, without doubles', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.boolean(), async (limit, isDeleted) => {
        const pages = await pagesOf(limit, 'uuid', (page) => list({ isDeleted, ...page }));
        expect(uuidsOf(pages.flat())).toEqual(uuidsOf(isDeleted ? deleted : live));
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
