import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Admissions } from '../../actors/controller/admissions.ts';
import { startController } from '../../actors/controller/controller.ts';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import { api } from '../../transport/messages/api.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { pagesOf } from './pages.ts';
import { newUser, refused } from './people.ts';

let cloud: TestCloud;
let admin: ApiClient;
beforeAll(async () => {
  cloud = await startTestCloud();
  admin = cloud.client;
});
afterAll(() => cloud.stop());

describe('a project', () => {
  it('is made with an id of its own, or the one that was asked for, which only one of many gets', async () => {
    const { project } = await admin.ask(api.project.create, { name: 'research' });
    expect(project).toMatchObject({ name: 'research', isEnabled: true });
    expect(await admin.ask(api.project.get, { id: project.id })).toEqual({ project });
    const asked = { id: 'wanted', name: 'wanted' };
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => refused(admin.ask(api.project.create, asked))));
    const failures = outcomes.filter((outcome) => outcome !== undefined);
    expect(failures).toHaveLength(5);
    for (const failure of failures)
      expect(failure).toMatchObject({ code: 'already_exists', details: { field: '/id' } });
  });

  it('is seen by those who have a role in it', async () => {
    const [one, other] = [await newUser(cloud), await newUser(cloud)];
    expect((await one.client.ask(api.project.get, {})).project.id).toBe(one.projectId);
    const idsOf = async (client: ApiClient) => (await client.ask(api.project.list, {})).projects.map(({ id }) => id);
    expect(await idsOf(one.client)).toEqual([one.projectId]);
    for (const id of [other.projectId, 'none', '__proto__']) {
      expect(await refused(one.client.ask(api.project.get, { id }))).toMatchObject({
        code: 'not_found',
        details: { field: '/id' },
      });
      expect(await refused(one.client.ask(api.project.list, { marker: id }))).toMatchObject({
        code: 'not_found',
        details: { field: '/marker' },
      });
    }
    await admin.ask(api.user.grant, { id: one.id, projectId: other.projectId, role: 'reader' });
    expect((await one.client.ask(api.project.get, { id: other.projectId })).project.id).toBe(other.projectId);
    expect((await idsOf(one.client)).toSorted()).toEqual([one.projectId, other.projectId].toSorted());
    expect(await idsOf(admin)).toEqual(expect.arrayContaining(['admin', one.projectId, other.projectId]));
    for (const asked of [
      one.client.ask(api.project.create, { name: 'x' }),
      one.client.ask(api.project.update, { id: one.projectId, name: 'x' }),
      one.client.ask(api.project.delete, { id: one.projectId }),
    ]) {
      expect(await refused(asked)).toMatchObject({ code: 'forbidden' });
    }
  });

  it('is listed by name, in pages', async () => {
    for (const name of ['b', 'a', 'b', 'c']) await admin.ask(api.project.create, { name: `page ${name}` });
    const all = (await admin.ask(api.project.list, {})).projects;
    expect(all.map(({ name }) => name)).toEqual(all.map(({ name }) => name).toSorted());
    const pages = await pagesOf(3, 'id', async (page) => (await admin.ask(api.project.list, page)).projects);
    expect(pages.flat()).toEqual(all);
  });

  it('cannot be used while it is disabled; its instances go on', async () => {
    const { projectId, client } = await newUser(cloud);
    const { uuid } = await cloud.create({}, client);
    await cloud.until(uuid, ({ state }) => state === 'running');
    await admin.ask(api.project.update, { id: projectId, isEnabled: false, name: 'off' });
    expect(await refused(client.ask(api.instance.get, { uuid }))).toMatchObject({ code: 'unauthenticated' });
    expect((await admin.ask(api.instance.get, { uuid })).instance.state).toBe('running');
    await admin.ask(api.project.update, { id: projectId, isEnabled: true });
    expect((await client.ask(api.project.get, {})).project).toMatchObject({ name: 'off', isEnabled: true });
  });
});

describe('the deletion of a project', () => {
  it('is refused while there are instances in it, and goes on being used', async () => {
    const { projectId: id, client } = await newUser(cloud);
    const { uuid } = await cloud.create({}, client);
    const failure = await refused(admin.ask(api.project.delete, { id }));
    expect(failure).toMatchObject({ code: 'conflict', details: { field: '/id', instances: 1 } });
    expect((await client.ask(api.project.get, {})).project.isEnabled).toBe(true);
    await cloud.until(uuid, ({ state }) => state === 'running');
    await client.ask(api.instance.delete, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'deleted');
    expect(await refused(admin.ask(api.project.delete, { id }))).toBeUndefined();
    expect((await admin.ask(api.instance.get, { uuid })).instance.state).toBe('deleted');
  });

  it('is refused while it has images of its own', async () => {
    const { projectId: id } = await newUser(cloud);
    const { store } = cloud.runtime;
    const [images, view] = [await store.bucket('image'), await store.view('image')];
    const image = [...view.values()][0];
    if (!image) throw new Error('there is an image');
    const own = nameUuid('image', id);
    await view.reached(await images.put(own, { ...image, id: own, projectId: id }));
    expect(await refused(admin.ask(api.project.delete, { id }))).toMatchObject({
      code: 'conflict',
      details: { field: '/id', images: 1 },
    });
    await images.remove(own);
    expect(await refused(admin.ask(api.project.delete, { id }))).toBeUndefined();
  });

  it('takes with it what was its own, and nothing of others', async () => {
    const [doomed, other] = [await newUser(cloud), await newUser(cloud)];
    for (const { client, projectId } of [doomed, other]) {
      for (const name of ['a', 'b']) await client.ask(api.keyPair.create, { name });
      await client.ask(api.serverGroup.create, { name: 'group', policy: 'affinity' });
      await client.ask(api.securityGroup.create, { name: 'group' });
      await admin.ask(api.quota.set, { projectId, instances: 1 });
    }
    await admin.ask(api.user.grant, { id: other.id, projectId: doomed.projectId, role: 'reader' });
    await admin.ask(api.project.delete, { id: doomed.projectId });

    expect(await refused(doomed.client.ask(api.project.get, {}))).toMatchObject({ code: 'unauthenticated' });
    expect(await refused(admin.ask(api.project.get, { id: doomed.projectId }))).toMatchObject({ code: 'not_found' });
    expect((await admin.ask(api.user.get, { id: doomed.id })).user.roles).toEqual({});
    expect(Object.keys((await admin.ask(api.user.get, { id: other.id })).user.roles)).toEqual([other.projectId]);
    const { store } = cloud.runtime;
    for (const kind of ['keyPair', 'serverGroup', 'securityGroup', 'token', 'quota'] as const) {
      const entries = [...(await store.view(kind)).entries()].map((entry) => JSON.stringify(entry));
      const countOf = (projectId: string) => entries.filter((entry) => entry.includes(`"${projectId}`)).length;
      expect([kind, countOf(doomed.projectId)]).toEqual([kind, 0]);
      expect([kind, countOf(other.projectId)]).toEqual([kind, kind === 'keyPair' ? 2 : 1]);
    }
    expect((await other.client.ask(api.keyPair.list, {})).keyPairs).toHaveLength(2);
  });

  it('makes room for another of the same id, which has nothing of the first', async () => {
    const { projectId: id, id: user, client } = await newUser(cloud);
    await client.ask(api.keyPair.create, { name: 'key' });
    await admin.ask(api.project.delete, { id });
    await admin.ask(api.project.create, { id, name: 'again' });
    expect(await refused(client.ask(api.project.get, {}))).toMatchObject({ code: 'unauthenticated' });
    await admin.ask(api.user.grant, { id: user, projectId: id, role: 'member' });
    const { secret } = await admin.ask(api.token.create, { userId: user, projectId: id });
    const again = new ApiClient(cloud.runtime.bus, secret);
    expect((await again.ask(api.keyPair.list, {})).keyPairs).toEqual([]);
    const { uuid } = await cloud.create({}, again);
    await cloud.until(uuid, ({ state }) => state === 'running');
  });

  it('waits for what was admitted, and has nothing admitted after it, whichever controller is asked', async () => {
    const { projectId: id } = await newUser(cloud);
    const admissions = await Admissions.open(await cloud.connect());
    const instance = { projectId: id, min: 1, hostname: 'test', vcpus: 1, memoryMb: 1 };
    const ask = (uuid: string) => ({ ...instance, uuids: [uuid] });
    const early = nameUuid('early', id);
    await admissions.admit(ask(early));
    expect(await refused(admin.ask(api.project.delete, { id }))).toMatchObject({
      code: 'conflict',
      details: { instances: 1 },
    });
    await admissions.withdraw(id, [early]);

    // As the deletion does, up to where it looks.
    const projects = await cloud.runtime.store.bucket('project');
    const entry = await projects.get(id);
    if (!entry) throw new Error('the project is there');
    const revision = await projects.update(id, { ...entry.value, isEnabled: false }, entry.revision);
    if (revision === conflict) throw new Error('nobody else writes it');
    expect(await (await Admissions.open(cloud.runtime)).close(id, revision)).toEqual([]);
    expect(await refused(admissions.admit(ask(nameUuid('late', id))))).toMatchObject({ code: 'conflict' });
    await admin.ask(api.project.update, { id, isEnabled: true });
    expect(await refused(admin.ask(api.project.delete, { id }))).toBeUndefined();
    expect(await refused(admissions.admit(ask(nameUuid('last', id))))).toMatchObject({ code: 'conflict' });
  });

  it('leaves no instance behind that was created at the same time, through another controller', async () => {
    const second = await startController(await cloud.connect());
    try {
      const ends = new Set<string>();
      for (let round = 0; round < 24; round++) {
        const { projectId: id, client } = await newUser(cloud);
        // Each a little later than the one before, so that they meet the deletion at each of its steps.
        const create = async (later: number) => {
          for (let turn = 0; turn < later; turn++) await admin.ask(api.role.list, {});
          return refused(cloud.create({}, client));
        };
        const deleting = refused(admin.ask(api.project.delete, { id }));
        const [deleted, ...outcomes] = await Promise.all([deleting, create(round), create(round + 1)]);
        ends.add(deleted ? 'refused' : 'deleted');
        const instances = await cloud.runtime.store.view('instance');
        await instances.caughtUp();
        const own = [...instances.values()].filter(({ projectId }) => projectId === id);
        expect(own).toHaveLength(outcomes.filter((outcome) => outcome === undefined).length);
        if (deleted) expect(deleted.code).toBe('conflict');
        else expect(own).toEqual([]);
      }
      expect([...ends].toSorted()).toEqual(['deleted', 'refused']);
    } finally {
      await second.stop();
    }
  });
});
