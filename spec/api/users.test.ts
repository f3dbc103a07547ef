import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startController } from '../../actors/controller/controller.ts';
import { adminProject, adminUser } from '../../actors/identity/first-admin.ts';
import { api } from '../../transport/messages/api.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { pagesOf } from './pages.ts';
import { newUser, refused } from './people.ts';

let cloud: TestCloud;
let admin: ApiClient;
beforeAll(async () => {
  cloud = await startTestCloud();
  admin = cloud.client;
});
afterAll(() => cloud.stop());

describe('a user', () => {
  it('is made with an id of its own, or the one that was asked for, which only one of many gets', async () => {
    const { user } = await admin.ask(api.user.create, { name: 'Ünïcode \u{1f4a5}' });
    expect(user).toMatchObject({ name: 'Ünïcode \u{1f4a5}', isEnabled: true, roles: {} });
    expect(user.id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(await admin.ask(api.user.get, { id: user.id })).toEqual({ user });

    const asked = { id: 'wanted', name: 'wanted' };
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => refused(admin.ask(api.user.create, asked))));
    const failures = outcomes.filter((outcome) => outcome !== undefined);
    expect(failures).toHaveLength(5);
    for (const failure of failures)
      expect(failure).toMatchObject({ code: 'already_exists', details: { field: '/id' } });
  });

  it('is seen by itself and by administrators', async () => {
    const [one, other] = [await newUser(cloud), await newUser(cloud)];
    expect((await one.client.ask(api.user.get, {})).user.id).toBe(one.id);
    expect((await one.client.ask(api.user.get, { id: one.id })).user.roles).toEqual({ [one.projectId]: ['member'] });
    expect((await admin.ask(api.user.get, { id: one.id })).user.id).toBe(one.id);
    for (const id of [other.id, 'nobody', '__proto__']) {
      const failure = await refused(one.client.ask(api.user.get, { id }));
      expect(failure).toMatchObject({ code: 'not_found', details: { field: '/id' } });
    }
    for (const asked of [
      one.client.ask(api.user.list, {}),
      one.client.ask(api.user.create, { name: 'x' }),
      one.client.ask(api.user.update, { id: one.id, name: 'x' }),
      one.client.ask(api.user.grant, { id: one.id, projectId: one.projectId, role: 'admin' }),
      one.client.ask(api.user.revoke, { id: one.id, projectId: one.projectId, role: 'member' }),
      one.client.ask(api.user.delete, { id: one.id }),
    ]) {
      expect(await refused(asked)).toMatchObject({ code: 'forbidden' });
    }
  });

  it('is listed by name, in pages', async () => {
    for (const name of ['b', 'a', 'b', 'c']) await admin.ask(api.user.create, { name: `page ${name}` });
    const all = (await admin.ask(api.user.list, {})).users;
    expect(all.map(({ name }) => name)).toEqual(all.map(({ name }) => name).toSorted());
    const pages = await pagesOf(3, 'id', async (page) => (await admin.ask(api.user.list, page)).users);
    expect(pages.flat()).toEqual(all);
    expect(await refused(admin.ask(api.user.list, { marker: 'nobody' }))).toMatchObject({
      code: 'not_found',
      details: { field: '/marker' },
    });
  });

  it('is renamed, and is nobody while it is disabled', async () => {
    const { id, client } = await newUser(cloud);
    expect((await admin.ask(api.user.update, { id, name: 'renamed' })).user).toMatchObject({ name: 'renamed' });
    expect((await admin.ask(api.user.update, { id, isEnabled: false })).user).toMatchObject({ isEnabled: false });
    expect(await refused(client.ask(api.user.get, {}))).toMatchObject({ code: 'unauthenticated' });
    await admin.ask(api.user.update, { id, isEnabled: true });
    expect((await client.ask(api.user.get, {})).user).toMatchObject({ name: 'renamed', isEnabled: true });
    expect(await refused(admin.ask(api.user.update, { id: 'nobody', name: 'x' }))).toMatchObject({
      code: 'not_found',
      details: { field: '/id' },
    });
  });

  it('goes with its tokens and key pairs; its instances stay', async () => {
    const { id, projectId, client } = await newUser(cloud);
    await client.ask(api.keyPair.create, { name: 'key' });
    const { uuid } = await cloud.create({}, client);
    await cloud.until(uuid, ({ state }) => state === 'running');
    expect(await admin.ask(api.user.delete, { id })).toEqual({});

    expect(await refused(client.ask(api.instance.list, {}))).toMatchObject({ code: 'unauthenticated' });
    expect((await admin.ask(api.token.list, { userId: id })).tokens).toEqual([]);
    const keyPairs = await cloud.runtime.store.view('keyPair');
    expect([...keyPairs.values()].filter(({ userId }) => userId === id)).toEqual([]);
    expect((await admin.ask(api.instance.get, { uuid })).instance).toMatchObject({ state: 'running', projectId });
    expect(await refused(admin.ask(api.user.delete, { id }))).toMatchObject({ code: 'not_found' });
  });
});

describe('roles', () => {
  it('all land when ten are granted at once, by two controllers', async () => {
    const second = await startController(await cloud.connect());
    try {
      const { user } = await admin.ask(api.user.create, { name: 'many' });
      const projects = await Promise.all(
        Array.from({ length: 10 }, (_, index) => admin.ask(api.project.create, { name: `many ${index}` })),
      );
      const ids = projects.map(({ project }) => project.id).toSorted();
      await Promise.all(ids.map((projectId) => admin.ask(api.user.grant, { id: user.id, projectId, role: 'reader' })));
      const granted = (await admin.ask(api.user.get, { id: user.id })).user.roles;
      expect(granted).toEqual(Object.fromEntries(ids.map((id) => [id, ['reader']])));

      await Promise.all(ids.map((projectId) => admin.ask(api.user.revoke, { id: user.id, projectId, role: 'reader' })));
      expect((await admin.ask(api.user.get, { id: user.id })).user.roles).toEqual({});
    } finally {
      await second.stop();
    }
  });

  it('are each there once, whatever the project is called', async () => {
    const { user } = await admin.ask(api.user.create, { name: 'twice' });
    for (const id of ['constructor', '__proto__']) {
      await admin.ask(api.project.create, { id, name: id });
      const one = { id: user.id, projectId: id };
      await admin.ask(api.user.revoke, { ...one, role: 'member' });
      for (let round = 0; round < 2; round++) await admin.ask(api.user.grant, { ...one, role: 'member' });
      const { roles } = (await admin.ask(api.user.grant, { ...one, role: 'reader' })).user;
      expect(Object.entries(roles)).toContainEqual([id, ['member', 'reader']]);
      const { secret } = await admin.ask(api.token.create, { userId: user.id, projectId: id });
      const { project } = await new ApiClient(cloud.runtime.bus, secret).ask(api.project.get, {});
      expect(project.id).toBe(id);
    }
  });

  it('are what the next request is judged by', async () => {
    const { id, projectId, client } = await newUser(cloud, ['reader']);
    expect(await refused(client.ask(api.keyPair.create, { name: 'k' }))).toMatchObject({ code: 'forbidden' });
    await admin.ask(api.user.grant, { id, projectId, role: 'member' });
    expect(await refused(client.ask(api.keyPair.create, { name: 'k' }))).toBeUndefined();
    for (const role of ['member', 'reader'] as const) await admin.ask(api.user.revoke, { id, projectId, role });
    expect(await refused(client.ask(api.keyPair.list, {}))).toMatchObject({ code: 'unauthenticated' });
  });

  it('are granted to users and in projects that are there', async () => {
    const { id, projectId } = await newUser(cloud);
    const grant = (asked: { id: string; projectId: string }) =>
      refused(admin.ask(api.user.grant, { ...asked, role: 'member' }));
    expect(await grant({ id: 'nobody', projectId })).toMatchObject({ code: 'not_found', details: { field: '/id' } });
    expect(await grant({ id, projectId: 'none' })).toMatchObject({ details: { field: '/projectId' } });
  });

  it('are told to anyone who asks what there are', async () => {
    const { client } = await newUser(cloud, ['reader']);
    expect((await client.ask(api.role.list, {})).roles.map(({ name }) => name)).toEqual(['admin', 'member', 'reader']);
  });
});

describe('the last administrator', () => {
  const last = { id: adminUser, projectId: adminProject, role: 'admin' as const };
  const isRefused = { code: 'conflict', message: 'the cloud would be left without an administrator' };

  it('stays one, whatever would take the role away', async () => {
    const answers = [
      admin.ask(api.user.revoke, last),
      admin.ask(api.user.update, { id: adminUser, isEnabled: false }),
      admin.ask(api.user.delete, { id: adminUser }),
      admin.ask(api.project.update, { id: adminProject, isEnabled: false, name: 'x' }),
      admin.ask(api.project.delete, { id: adminProject }),
    ].map(refused);
    for (const answer of answers) expect(await answer).toMatchObject(isRefused);
    // One who is disabled, or of a disabled project, is none.
    const spare = await newUser(cloud, ['admin']);
    await admin.ask(api.user.update, { id: spare.id, isEnabled: false });
    expect(await refused(admin.ask(api.user.revoke, last))).toMatchObject(isRefused);
    await admin.ask(api.user.update, { id: spare.id, isEnabled: true });
    await admin.ask(api.project.update, { id: spare.projectId, isEnabled: false });
    expect(await refused(admin.ask(api.user.revoke, last))).toMatchObject(isRefused);
    await admin.ask(api.user.delete, { id: spare.id });
    expect((await admin.ask(api.project.get, {})).project).toMatchObject({ name: adminProject, isEnabled: true });
  });

  it('stays one of many who are taken away at once by two controllers', async () => {
    const second = await startController(await cloud.connect());
    try {
      for (let round = 0; round < 5; round++) {
        const spares = await Promise.all([
          newUser(cloud, ['admin']),
          newUser(cloud, ['admin']),
          newUser(cloud, ['admin']),
        ]);
        const [one, two, three] = spares.map(({ id, projectId }) => ({ id, projectId }));
        if (!one || !two || !three) throw new Error('there are three');
        await Promise.all([
          refused(admin.ask(api.user.revoke, last)),
          refused(admin.ask(api.user.revoke, { ...one, role: 'admin' })),
          refused(admin.ask(api.user.update, { id: two.id, isEnabled: false })),
          refused(admin.ask(api.project.update, { id: three.projectId, isEnabled: false })),
        ]);
        const clients = [admin, ...spares.map(({ client }) => client)];
        // What was taken back is seen a moment later.
        const left = await eventually(async () => {
          const answers = await Promise.all(clients.map((client) => refused(client.ask(api.user.list, {}))));
          return clients[answers.indexOf(undefined)];
        });
        await left.ask(api.user.grant, last);
        for (const { id } of spares) await admin.ask(api.user.delete, { id });
      }
    } finally {
      await second.stop();
    }
  });
});
