import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startController } from '../../actors/controller/controller.ts';
import { api } from '../../transport/messages/api.ts';
import type { ApiClient } from '../../transport/nats/api-client.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
let client: ApiClient;
beforeAll(async () => {
  cloud = await startTestCloud();
  await startController(await cloud.connect());
  client = await cloud.createUser('users');
});
afterAll(() => cloud.stop());

const admin = () => cloud.client;
const get = async (as: ApiClient, projectId?: string) =>
  (await as.ask(api.quota.get, projectId === undefined ? {} : { projectId })).quota;

/** What every project has at first, with nothing used. */
const untouched = {
  instances: { limit: 10, used: 0 },
  vcpus: { limit: 20, used: 0 },
  memoryMb: { limit: 51_200, used: 0 },
  keyPairs: { limit: 100, used: 0 },
  serverGroups: { limit: 10, used: 0 },
  securityGroups: { limit: 10, used: 0 },
};

describe('a quota', () => {
  it('tells what is used, and what the user has of key pairs', async () => {
    const fresh = await cloud.createUser('fresh');
    expect(await get(fresh)).toEqual({ projectId: 'fresh', ...untouched });
    const { uuid } = await cloud.create({ flavor: 'm1.medium' }, fresh);
    await fresh.ask(api.keyPair.create, { name: 'mine' });
    await fresh.ask(api.serverGroup.create, { name: 'ours', policy: 'affinity' });
    const used = {
      projectId: 'fresh',
      instances: { limit: 10, used: 1 },
      vcpus: { limit: 20, used: 2 },
      memoryMb: { limit: 51_200, used: 4096 },
      keyPairs: { limit: 100, used: 1 },
      serverGroups: { limit: 10, used: 1 },
      // The default one, which the launch has made.
      securityGroups: { limit: 10, used: 1 },
    };
    await cloud.until(uuid, ({ state }) => state === 'running');
    expect(await get(fresh)).toEqual(used);
    expect(await get(await cloud.createUser('fresh', ['reader']))).toEqual({ ...used, keyPairs: untouched.keyPairs });
    await fresh.ask(api.instance.delete, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'deleted');
    expect(await get(fresh)).toMatchObject({ instances: { used: 0 }, vcpus: { used: 0 }, memoryMb: { used: 0 } });
  });

  it('is changed field by field, and given back', async () => {
    const set = { projectId: 'users', instances: 1, serverGroups: -1 };
    const expected = { ...untouched, instances: { limit: 1, used: 0 }, serverGroups: { limit: -1, used: 0 } };
    expect((await admin().ask(api.quota.set, set)).quota).toEqual({ projectId: 'users', ...expected });
    const { quota } = await admin().ask(api.quota.set, { projectId: 'users', keyPairs: 0 });
    expect(quota).toEqual({ projectId: 'users', ...expected, keyPairs: { limit: 0, used: 0 } });
    expect(await get(client)).toEqual(quota);

    await cloud.create({}, client);
    await expect(cloud.create({}, client)).rejects.toMatchObject({
      failure: { code: 'quota_exceeded', details: { resource: 'instances', limit: 1 } },
    });
    await expect(client.ask(api.keyPair.create, { name: 'one' })).rejects.toMatchObject({
      failure: { code: 'quota_exceeded', details: { resource: 'keyPairs', limit: 0 } },
    });

    for (let time = 0; time < 2; time++) {
      const { quota: reset } = await admin().ask(api.quota.reset, { projectId: 'users' });
      expect(reset).toMatchObject({ instances: { limit: 10, used: 1 }, keyPairs: { limit: 100, used: 0 } });
    }
    expect(await get(client)).toMatchObject({ instances: { limit: 10, used: 1 } });
  });

  it('loses no change when several are made at once', async () => {
    await cloud.createUser('busy');
    const changes = { instances: 1, vcpus: 2, memoryMb: 3, keyPairs: 4, serverGroups: 5, securityGroups: 6 };
    await Promise.all(
      Object.entries(changes).map(([name, limit]) => admin().ask(api.quota.set, { projectId: 'busy', [name]: limit })),
    );
    const quota = await get(admin(), 'busy');
    const limits = Object.keys(changes).map((name) => [name, quota[name as keyof typeof changes].limit]);
    expect(Object.fromEntries(limits)).toEqual(changes);
  });

  it('of another project is for administrators', async () => {
    const refused = { failure: { code: 'forbidden', details: { field: '/projectId' } } };
    await expect(get(client, 'admin')).rejects.toMatchObject(refused);
    await expect(get(client, 'nowhere')).rejects.toMatchObject(refused);
    expect(await get(client, 'users')).toMatchObject({ projectId: 'users' });
    expect(await get(admin(), 'users')).toMatchObject({ projectId: 'users' });
    for (const endpoint of [api.quota.set, api.quota.reset]) {
      await expect(client.ask(endpoint, { projectId: 'users' })).rejects.toMatchObject({
        failure: { code: 'forbidden' },
      });
    }
  });

  it('of no project is not found', async () => {
    const refused = { failure: { code: 'not_found', details: { field: '/projectId' } } };
    for (const endpoint of [api.quota.get, api.quota.set, api.quota.reset]) {
      await expect(admin().ask(endpoint, { projectId: 'nowhere' })).rejects.toMatchObject(refused);
    }
  });
});
