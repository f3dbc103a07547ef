import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCloud } from '../../actors/cloud/cloud.ts';
import { sweepIdentity } from '../../actors/controller/identity-sweep.ts';
import { tokenDigest } from '../../actors/identity/authenticator.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import { createRuntime } from '../../actors/runtime/runtime.ts';
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

const as = (secret: string) => new ApiClient(cloud.runtime.bus, secret);
describe('a token', () => {
  it('is made for oneself, also by who may only read, and tells who asks', async () => {
    const { id, projectId, client } = await newUser(cloud, ['reader']);
    const { token, secret } = await client.ask(api.token.create, { description: 'of my laptop' });
    expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
    expect(token).toMatchObject({ id: tokenDigest(secret), userId: id, projectId, description: 'of my laptop' });
    expect(token.expiresAt).toBeUndefined();
    expect(await as(secret).ask(api.token.get, {})).toEqual({ token, roles: ['reader'] });
    expect((await client.ask(api.token.get, {})).token.id).not.toBe(token.id);
  });

  it('is one of at most a thousand that its user has and that are valid', async () => {
    const { id: userId, projectId, client } = await newUser(cloud, ['reader']);
    const bucket = await cloud.runtime.store.bucket('token');
    const put = (index: number, more = {}) =>
      bucket.put(tokenDigest(`${userId} ${index}`), { userId, projectId, createdAt: 1, ...more });
    await Promise.all(Array.from({ length: 998 }, (_, index) => put(index)));
    await put(998, { expiresAt: 2 });
    const { token } = await client.ask(api.token.create, {});
    const tooMany = { code: 'quota_exceeded', details: { limit: 1000 } };
    expect(await refused(client.ask(api.token.create, {}))).toMatchObject(tooMany);
    expect(await refused(admin.ask(api.token.create, { userId, projectId }))).toMatchObject(tooMany);
    await client.ask(api.token.revoke, { id: token.id });
    await client.ask(api.token.create, {});
    await admin.ask(api.token.create, {});
  });

  it('lasts no longer than the one with which its user made it', async () => {
    const { id: userId, projectId, client } = await newUser(cloud, ['reader']);
    const short = await client.ask(api.token.create, { expiresInSeconds: 60 });
    const end = Date.parse(short.token.expiresAt ?? '');
    for (const request of [{}, { expiresInSeconds: 3600 }]) {
      const { token } = await as(short.secret).ask(api.token.create, request);
      expect(Date.parse(token.expiresAt ?? '')).toBe(end);
    }
    const sooner = await as(short.secret).ask(api.token.create, { expiresInSeconds: 1 });
    expect(Date.parse(sooner.token.expiresAt ?? '')).toBeLessThan(end);
    const ofAdmin = await admin.ask(api.token.create, { userId, projectId });
    expect(ofAdmin.token.expiresAt).toBeUndefined();
  });

  it('is for a project in which its user has a role', async () => {
    const [one, other] = [await newUser(cloud), await newUser(cloud)];
    const ofOther = { projectId: other.projectId };
    const isRefused = { code: 'forbidden', details: { field: '/projectId' } };
    expect(await refused(one.client.ask(api.token.create, ofOther))).toMatchObject(isRefused);
    expect(await refused(admin.ask(api.token.create, { userId: one.id, ...ofOther }))).toMatchObject(isRefused);
    expect(await refused(one.client.ask(api.token.create, { projectId: 'none' }))).toMatchObject(isRefused);

    await admin.ask(api.user.grant, { id: one.id, ...ofOther, role: 'reader' });
    const { secret } = await one.client.ask(api.token.create, ofOther);
    const { token, roles } = await as(secret).ask(api.token.get, {});
    expect([token.projectId, roles]).toEqual([other.projectId, ['reader']]);
  });

  it('of another is made and revoked by administrators alone', async () => {
    const [one, other] = [await newUser(cloud), await newUser(cloud)];
    const failure = await refused(one.client.ask(api.token.create, { userId: other.id }));
    expect(failure).toMatchObject({ code: 'forbidden', details: { field: '/userId' } });
    expect(await refused(one.client.ask(api.token.list, { userId: other.id }))).toMatchObject({
      code: 'forbidden',
      details: { field: '/userId' },
    });
    const { token } = await other.client.ask(api.token.get, {});
    const unknown = '0'.repeat(64);
    for (const id of [token.id, unknown]) {
      expect(await refused(one.client.ask(api.token.revoke, { id }))).toMatchObject({
        code: 'not_found',
        details: { field: '/id' },
      });
    }
    expect((await other.client.ask(api.token.get, {})).token).toEqual(token);
    await admin.ask(api.token.revoke, { id: token.id });
    expect(await refused(other.client.ask(api.token.get, {}))).toMatchObject({ code: 'unauthenticated' });
    expect(await refused(admin.ask(api.token.create, { userId: 'nobody' }))).toMatchObject({
      code: 'not_found',
      details: { field: '/userId' },
    });
  });

  it('is worthless as soon as it is answered to be revoked, also when it revokes itself', async () => {
    const { client } = await newUser(cloud);
    for (let round = 0; round < 20; round++) {
      const { token, secret } = await client.ask(api.token.create, {});
      await as(secret).ask(api.token.revoke, { id: token.id });
      expect(await refused(as(secret).ask(api.token.get, {}))).toMatchObject({ code: 'unauthenticated' });
      expect((await client.ask(api.token.list, {})).tokens.map(({ id }) => id)).not.toContain(token.id);
      expect(await refused(client.ask(api.token.revoke, { id: token.id }))).toMatchObject({ code: 'not_found' });
    }
  });

  it('tells when it expires, and is worthless from then on; a sweep removes it', async () => {
    const { client, id, projectId } = await newUser(cloud);
    const { token, secret } = await client.ask(api.token.create, { expiresInSeconds: 3600 });
    expect(Date.parse(token.expiresAt ?? '') - Date.parse(token.createdAt)).toBe(3_600_000);
    const { store } = cloud.runtime;
    const tokens = await store.bucket('token');
    const past = tokenDigest('past');
    const record = { userId: id, projectId, createdAt: 0, expiresAt: Date.now() };
    await (await store.view('token')).reached(await tokens.put(past, record));
    expect(await refused(as('past').ask(api.token.get, {}))).toMatchObject({ code: 'unauthenticated' });

    await sweepIdentity(cloud.runtime);
    expect(await tokens.get(past)).toBeUndefined();
    expect((await as(secret).ask(api.token.get, {})).token).toEqual(token);
  });

  it('is refused for a user or a project that is disabled', async () => {
    const { id, projectId } = await newUser(cloud);
    await admin.ask(api.user.update, { id, isEnabled: false });
    expect(await refused(admin.ask(api.token.create, { userId: id, projectId }))).toMatchObject({
      code: 'conflict',
      details: { field: '/userId' },
    });
    await admin.ask(api.user.update, { id, isEnabled: true });
    await admin.ask(api.project.update, { id: projectId, isEnabled: false });
    expect(await refused(admin.ask(api.token.create, { userId: id, projectId }))).toMatchObject({
      code: 'conflict',
      details: { field: '/projectId' },
    });
  });

  it('is none when its user goes just while it is made', async () => {
    for (let round = 0; round < 5; round++) {
      const { id, projectId } = await newUser(cloud);
      const made = Array.from({ length: 4 }, () =>
        admin.ask(api.token.create, { userId: id, projectId }).then(
          ({ secret }) => secret,
          () => undefined,
        ),
      );
      await admin.ask(api.user.delete, { id });
      const secrets = (await Promise.all(made)).filter((secret) => secret !== undefined);
      for (const secret of secrets) {
        expect(await refused(as(secret).ask(api.token.get, {}))).toMatchObject({ code: 'unauthenticated' });
      }
      const tokens = await cloud.runtime.store.view('token');
      await eventually(() => ([...tokens.values()].some(({ userId }) => userId === id) ? undefined : true));
    }
  });
});

describe('the tokens of a user', () => {
  it('are listed newest first, in pages', async () => {
    const { client, id } = await newUser(cloud);
    for (let index = 0; index < 6; index++) await client.ask(api.token.create, { description: String(index) });
    const all = (await client.ask(api.token.list, {})).tokens;
    expect(all).toHaveLength(7);
    const times = all.map(({ createdAt }) => createdAt);
    expect(times).toEqual(times.toSorted().toReversed());
    expect((await admin.ask(api.token.list, { userId: id })).tokens).toEqual(all);
    const pages = await pagesOf(3, 'id', async (page) => (await client.ask(api.token.list, page)).tokens);
    expect(pages.flat()).toEqual(all);
    const { token } = await admin.ask(api.token.get, {});
    expect(await refused(client.ask(api.token.list, { marker: token.id }))).toMatchObject({
      code: 'not_found',
      details: { field: '/marker' },
    });
  });
});

describe('the sweep', () => {
  it('removes what users and projects left that are gone, and nothing of others', async () => {
    const [gone, stays] = [await newUser(cloud), await newUser(cloud)];
    const { store } = cloud.runtime;
    for (const { client, projectId } of [gone, stays]) {
      await client.ask(api.keyPair.create, { name: 'key' });
      await client.ask(api.securityGroup.create, { name: 'group' });
      await client.ask(api.serverGroup.create, { name: 'group', policy: 'affinity' });
      await admin.ask(api.quota.set, { projectId, instances: 1 });
      await admin.ask(api.user.grant, { id: stays.id, projectId, role: 'reader' });
    }
    // As a controller leaves it that dies over the deletion.
    await (await store.bucket('project')).remove(gone.projectId);
    await (await store.bucket('user')).remove(gone.id);
    for (const kind of ['project', 'user'] as const) await (await store.view(kind)).caughtUp();
    await sweepIdentity(cloud.runtime);

    const held = async ({ id, projectId }: typeof gone) => {
      const found: string[] = [];
      for (const kind of ['keyPair', 'serverGroup', 'securityGroup', 'quota', 'token'] as const) {
        const view = await store.view(kind);
        await view.caughtUp();
        for (const { key, value } of view.entries()) {
          if (key === projectId || JSON.stringify(value).includes(projectId)) found.push(kind);
          else if (JSON.stringify(value).includes(id)) found.push(kind);
        }
      }
      return found;
    };
    expect(await held(gone)).toEqual([]);
    expect(await held(stays)).toEqual(['keyPair', 'serverGroup', 'securityGroup', 'quota', 'token']);
    const { roles } = (await admin.ask(api.user.get, { id: stays.id })).user;
    expect(roles).toEqual({ [stays.projectId]: ['member', 'reader'] });
  });
});

it('keeps the secrets of tokens out of logs, buckets and every other answer', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-tokens-'));
  const other = await cloud.connect();
  const logger = createLogger('trace', join(folder, 'log'));
  const runtime = { ...(await createRuntime({ ...other, logger })), logger };
  const parts = await startCloud(runtime, { roles: ['api', 'controller'] });
  try {
    const secrets: string[] = [];
    for (let round = 0; round < 10; round++) {
      const { secret, token } = await admin.ask(api.token.create, { description: 'secret' });
      secrets.push(secret);
      await refused(as(secret).ask(api.token.revoke, { id: '0'.repeat(64) }));
      await refused(as(`${secret}x`).ask(api.token.get, {}));
      if (round % 2) await admin.ask(api.token.revoke, { id: token.id });
    }
    logger.info({ reply: { secret: secrets[0] } }, 'the last line');
    const answers = JSON.stringify([await admin.ask(api.token.list, {}), await admin.ask(api.token.get, {})]);
    const log = await eventually(async () => {
      const text = await readFile(join(folder, 'log'), 'utf8').catch(() => '');
      return text.includes('the last line') ? text : undefined;
    });
    const stored: string[] = [];
    const { streams } = runtime.bus.nats.manager;
    for await (const { config, state } of streams.list()) {
      for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
        const message = await streams.getMessage(config.name, { seq }).catch(() => null);
        if (message) stored.push(`${message.subject} ${message.string()}`);
      }
    }
    expect(stored.join()).toContain(tokenDigest(secrets[0] ?? ''));
    for (const secret of secrets) {
      for (const [where, text] of Object.entries({ log, answers, stored: stored.join() })) {
        expect([where, text.includes(secret)]).toEqual([where, false]);
      }
    }
  } finally {
    await parts.stop();
    await runtime.store.close();
    await rm(folder, { recursive: true, force: true });
  }
});
