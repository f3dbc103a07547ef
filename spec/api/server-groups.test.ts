import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startController } from '../../actors/controller/controller.ts';
import { api } from '../../transport/messages/api.ts';
import type { ApiClient } from '../../transport/nats/api-client.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
let client: ApiClient;
let stranger: ApiClient;
beforeAll(async () => {
  cloud = await startTestCloud({ hosts: [{ name: 'host1' }, { name: 'host2' }] });
  await startController(await cloud.connect());
  client = await cloud.createUser('groups');
  stranger = await cloud.createUser('strangers');
});
afterAll(() => cloud.stop());

async function create(name: string, as = client, policy: 'affinity' | 'anti-affinity' = 'anti-affinity') {
  return (await as.ask(api.serverGroup.create, { name, policy })).serverGroup;
}
const get = async (serverGroup: string, as = client) =>
  (await as.ask(api.serverGroup.get, { serverGroup })).serverGroup;
const remove = (serverGroup: string, as = client) => as.ask(api.serverGroup.delete, { serverGroup });
const missing = { failure: { code: 'not_found', details: { field: '/serverGroup' } } };

describe('a server group', () => {
  it('keeps its instances apart, and has the live ones as members', async () => {
    const group = await create('apart');
    expect(group).toMatchObject({ name: 'apart', projectId: 'groups', policy: 'anti-affinity', members: [] });
    const launch = () => cloud.create({ hints: { group: group.id } }, client);
    const uuids = [(await launch()).uuid, (await launch()).uuid].toSorted();
    const hosts = await Promise.all(
      uuids.map(async (uuid) => (await cloud.until(uuid, ({ state }) => state === 'running')).host),
    );
    expect(new Set(hosts)).toEqual(new Set(['host1', 'host2']));
    expect((await get('apart')).members).toEqual(uuids);
    const [first = '', second] = uuids;
    await client.ask(api.instance.delete, { uuid: first });
    await cloud.until(first, ({ state }) => state === 'deleted');
    expect((await get(group.id)).members).toEqual([second]);

    await remove('apart');
    await expect(get(group.id)).rejects.toMatchObject(missing);
    expect((await client.ask(api.instance.get, { uuid: second ?? '' })).instance.state).toBe('running');
  });

  it('may have the name of another, and is then known by its id', async () => {
    const [one, other] = [await create('twin'), await create('twin', client, 'affinity')];
    await expect(get('twin')).rejects.toMatchObject({
      failure: { code: 'conflict', details: { field: '/serverGroup' } },
    });
    await remove(one.id);
    expect(await get('twin')).toEqual(other);
    await remove('twin');
  });

  it('is the project’s own: others find none, and administrators by its id', async () => {
    const group = await create('hidden');
    for (const ref of ['hidden', group.id]) {
      await expect(get(ref, stranger)).rejects.toMatchObject(missing);
      await expect(remove(ref, stranger)).rejects.toMatchObject(missing);
    }
    await expect(cloud.create({ hints: { group: group.id } }, stranger)).rejects.toMatchObject({
      failure: { code: 'not_found', details: { field: '/hints/group' } },
    });
    await expect(get('hidden', cloud.client)).rejects.toMatchObject(missing);
    expect(await get(group.id, cloud.client)).toEqual(group);
    await remove(group.id, cloud.client);
  });

  it('is changed by members only', async () => {
    const reader = await cloud.createUser('groups', ['reader']);
    const group = await create('read');
    expect(await get('read', reader)).toEqual(group);
    await expect(create('written', reader)).rejects.toMatchObject({ failure: { code: 'forbidden' } });
    await expect(remove('read', reader)).rejects.toMatchObject({ failure: { code: 'forbidden' } });
    await remove('read');
  });

  it('must be there for an instance to join it', async () => {
    const group = '00000000-0000-4000-8000-000000000000';
    await expect(cloud.create({ hints: { group } }, client)).rejects.toMatchObject({
      failure: { code: 'not_found', details: { field: '/hints/group' } },
    });
  });
});

describe('the server groups of a project', () => {
  it('come by name, in pages', async () => {
    const paged = await cloud.createUser('pages');
    for (const name of ['c', 'a', 'b', 'a', 'd']) await create(name, paged);
    const joined: { id: string; name: string }[] = [];
    for (;;) {
      const marker = joined.at(-1)?.id;
      const { serverGroups } = await paged.ask(api.serverGroup.list, { limit: 2, ...(marker && { marker }) });
      expect(serverGroups.length).toBeLessThanOrEqual(2);
      if (serverGroups.length === 0) break;
      joined.push(...serverGroups);
    }
    expect(joined.map(({ name }) => name)).toEqual(['a', 'a', 'b', 'c', 'd']);
    expect(new Set(joined.map(({ id }) => id)).size).toBe(5);
    await expect(paged.ask(api.serverGroup.list, { marker: 'nobody' })).rejects.toMatchObject({
      failure: { code: 'not_found', details: { field: '/marker' } },
    });
  });

  it('are as many as the quota allows, however many ask at once', async () => {
    const greedy = await cloud.createUser('greedy');
    const outcomes = await Promise.allSettled(Array.from({ length: 25 }, (_, index) => create(`${index}`, greedy)));
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.failure] : []));
    expect(refused).toHaveLength(15);
    for (const failure of refused) {
      expect(failure).toMatchObject({ code: 'quota_exceeded', details: { resource: 'serverGroups', limit: 10 } });
    }
    const { serverGroups } = await greedy.ask(api.serverGroup.list, {});
    expect(serverGroups).toHaveLength(10);
    await remove(serverGroups[0]?.id ?? '', greedy);
    await create('room again', greedy);
  });
});
