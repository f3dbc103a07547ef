import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tokenDigest } from '../../actors/identity/authenticator.ts';
import { adminProject, adminUser } from '../../actors/identity/first-admin.ts';
import { api, endpoints } from '../../transport/messages/api.ts';
import type { RoleName } from '../../transport/messages/records.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { type BareClient, connectBare } from './bare-client.ts';

let cloud: TestCloud;
let bare: BareClient;
beforeAll(async () => {
  cloud = await startTestCloud();
  bare = await connectBare(cloud.url);
});
afterAll(async () => {
  await bare.close();
  await cloud.stop();
});

interface Person {
  user: string;
  project: string;
  token: string;
  ask: ReturnType<BareClient['as']>;
}

let people = 0;

/** A user with a token, stored as an operator would, seen by the API server. */
async function person({
  project = `project-${++people}`,
  roles = ['member'],
  isEnabled = true,
  isProjectEnabled = true,
  expiresAt,
}: {
  project?: string;
  roles?: RoleName[];
  isEnabled?: boolean;
  isProjectEnabled?: boolean;
  expiresAt?: number;
} = {}): Promise<Person> {
  const { store } = cloud.runtime;
  const user = `user-${++people}`;
  const token = `secret-${people}`;
  const createdAt = Date.now();
  const projects = await store.bucket('project');
  const users = await store.bucket('user');
  const tokens = await store.bucket('token');
  const stored = [
    await projects.put(project, { id: project, name: project, isEnabled: isProjectEnabled, createdAt }),
    await users.put(user, { id: user, name: user, isEnabled, roles: { [project]: roles }, createdAt }),
    await tokens.put(tokenDigest(token), {
      userId: user,
      projectId: project,
      createdAt,
      ...(expiresAt !== undefined && { expiresAt }),
    }),
  ];
  for (const [index, kind] of (['project', 'user', 'token'] as const).entries()) {
    await (await store.view(kind)).reached(stored[index] ?? 0);
  }
  return { user, project, token, ask: bare.as(token) };
}

const small = { name: 'a', image: 'simulated', flavor: 'm1.micro' };

describe('a request without a valid token', () => {
  it.each([
    ['no header', {}],
    ['an empty header', { Authorization: '' }],
    ['a token without its scheme', { Authorization: 'TOKEN' }],
    ['another scheme', { Authorization: 'Basic TOKEN' }],
    ['two blanks', { Authorization: 'Bearer  TOKEN' }],
    ['something behind the token', { Authorization: 'Bearer TOKEN x' }],
    ['an endless token', { Authorization: `Bearer ${'x'.repeat(10_000)}` }],
    ['an unknown token', { Authorization: 'Bearer unknown' }],
    ['the digest of a token', { Authorization: 'Bearer DIGEST' }],
    ['a name of an inherited property', { Authorization: 'Bearer __proto__' }],
  ] as [string, Record<string, string>][])('is unauthenticated: %s', async (_, carried) => {
    const sent = Object.fromEntries(
      Object.entries(carried).map(([name, value]) => [
        name,
        value.replace('TOKEN', cloud.token).replace('DIGEST', tokenDigest(cloud.token)),
      ]),
    );
    for (const verbs of Object.values(api)) {
      for (const { name, access } of Object.values(verbs)) {
        if (access === 'anyone') continue;
        const { code, failure } = await bare.ask(`cloud.api.v1.${name}`, small, sent);
        expect([name, code, failure?.code]).toEqual([name, '401', 'unauthenticated']);
        expect(JSON.stringify(failure)).not.toContain(cloud.token);
      }
    }
  });

  it('is unauthenticated when the token has expired', async () => {
    const { ask } = await person({ expiresAt: Date.now() - 1 });
    expect((await ask('instance.list', {})).failure?.code).toBe('unauthenticated');
    const valid = await person({ expiresAt: Date.now() + 60_000 });
    expect((await valid.ask('instance.list', {})).failure).toBeUndefined();
  });

  it('is unauthenticated when user or project is disabled, or the user has no role there', async () => {
    for (const options of [{ isEnabled: false }, { isProjectEnabled: false }, { roles: [] }]) {
      const { ask } = await person(options);
      expect((await ask('instance.list', {})).failure?.code).toBe('unauthenticated');
      expect((await ask('instance.create', small)).failure?.code).toBe('unauthenticated');
    }
  });

  it('is unauthenticated from the moment that the user is disabled', async () => {
    const { ask, user, project } = await person();
    expect((await ask('instance.list', {})).failure).toBeUndefined();
    const { store } = cloud.runtime;
    const users = await store.bucket('user');
    const roles = { [project]: ['member' as const] };
    const revision = await users.put(user, { id: user, name: user, isEnabled: false, roles, createdAt: 0 });
    await (await store.view('user')).reached(revision);
    expect((await ask('instance.list', {})).failure?.code).toBe('unauthenticated');
  });
});

describe('a reader', () => {
  it('lists, and neither creates nor commands', async () => {
    const owner = await person();
    const reader = await person({ project: owner.project, roles: ['reader'] });
    const created = await owner.ask('instance.create', small);
    const [{ uuid } = { uuid: '' }] = created.body.instances as { uuid: string }[];
    await cloud.until(uuid, ({ state }) => state === 'running');

    expect((await reader.ask('instance.list', {})).body.instances).toMatchObject([{ uuid }]);
    expect((await reader.ask('instance.get', { uuid })).failure).toBeUndefined();
    for (const endpoint of ['instance.stop', 'instance.delete', 'instance.pause', 'instance.reboot']) {
      const { failure, code } = await reader.ask(endpoint, { uuid });
      expect([endpoint, failure?.code, code]).toEqual([endpoint, 'forbidden', '403']);
    }
    for (const [endpoint, body] of [
      ['instance.create', small],
      ['key-pair.create', { name: 'k' }],
      ['key-pair.delete', { name: 'k' }],
    ] as const) {
      expect((await reader.ask(endpoint, body)).failure?.code).toBe('forbidden');
    }
    expect((await owner.ask('instance.get', { uuid })).body.instance).toMatchObject({ state: 'running' });
  });
});

describe('somebody of another project', () => {
  it('sees, lists and commands nothing of it; it looks as if it were not there', async () => {
    const owner = await person();
    const stranger = await person();
    const created = await owner.ask('instance.create', small);
    const [{ uuid } = { uuid: '' }] = created.body.instances as { uuid: string }[];
    await cloud.until(uuid, ({ state }) => state === 'running');

    expect((await stranger.ask('instance.list', {})).body.instances).toEqual([]);
    const unknown = '00000000-0000-4000-8000-000000000000';
    const verbs = ['get', 'delete', 'start', 'stop', 'reboot', 'pause', 'unpause', 'suspend', 'resume', 'console-log'];
    for (const verb of verbs) {
      const { failure, code } = await stranger.ask(`instance.${verb}`, { uuid });
      expect([verb, code, failure?.code, failure?.details]).toEqual([verb, '404', 'not_found', { field: '/uuid' }]);
      const missing = await stranger.ask(`instance.${verb}`, { uuid: unknown });
      expect(JSON.stringify(failure).replaceAll(uuid, unknown)).toBe(JSON.stringify(missing.failure));
    }
    expect((await stranger.ask('instance.list', { allProjects: true })).failure).toMatchObject({
      code: 'forbidden',
      details: { field: '/allProjects' },
    });
    expect((await stranger.ask('instance.list', { marker: uuid })).failure).toMatchObject({
      code: 'not_found',
      details: { field: '/marker' },
    });
    expect((await stranger.ask('host.list', {})).failure?.code).toBe('forbidden');
    expect((await owner.ask('instance.get', { uuid })).body.instance).toMatchObject({ state: 'running' });
  });

  it('sees the instances of all projects as an administrator who asks for them, and may command them', async () => {
    const owner = await person();
    const created = await owner.ask('instance.create', small);
    const [{ uuid } = { uuid: '' }] = created.body.instances as { uuid: string }[];
    await cloud.until(uuid, ({ state }) => state === 'running');
    const asAdmin = bare.as(cloud.token);
    const uuids = async (query: object) =>
      ((await asAdmin('instance.list', query)).body.instances as { uuid: string }[]).map((each) => each.uuid);
    expect(await uuids({})).not.toContain(uuid);
    expect(await uuids({ allProjects: true })).toContain(uuid);
    expect((await asAdmin('instance.stop', { uuid })).failure).toBeUndefined();
    await cloud.until(uuid, ({ state }) => state === 'stopped');
  });

  it('shares neither key pairs of another user nor their names', async () => {
    const owner = await person();
    const colleague = await person({ project: owner.project });
    await owner.ask('key-pair.create', { name: 'same' });
    expect((await colleague.ask('key-pair.list', {})).body.keyPairs).toEqual([]);
    expect((await colleague.ask('key-pair.delete', { name: 'same' })).failure?.code).toBe('not_found');
    expect((await colleague.ask('instance.create', { ...small, keyName: 'same' })).failure).toMatchObject({
      code: 'not_found',
      details: { field: '/keyName' },
    });
    expect((await colleague.ask('key-pair.create', { name: 'same' })).failure).toBeUndefined();
  });
});

describe('who a request speaks for', () => {
  const admin = {
    requestId: 'req-01234567-89ab-cdef-0123-456789abcdef',
    traceparent: `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`,
    caller: { userId: adminUser, projectId: adminProject, roles: ['admin', 'member'] },
  };

  it('is told by the token alone: a context that a client sends along is not read', async () => {
    const { ask, project, user } = await person();
    const forged = { 'Kilonova-Context': JSON.stringify(admin) };
    const created = await ask('instance.create', small, forged);
    expect(created.body.instances).toMatchObject([{ projectId: project, userId: user }]);
    expect((await ask('host.list', {}, forged)).failure?.code).toBe('forbidden');
    expect((await bare.ask('cloud.api.v1.instance.list', {}, forged)).failure?.code).toBe('unauthenticated');
  });

  // Who signs in is nobody yet.
  const writes = endpoints.filter(({ kind, access }) => kind === 'write' && access !== 'anyone');

  it.each(writes)('is nobody when a call is sent straight to the controller: $name', async ({ name }) => {
    const { caller: _, ...nobody } = admin;
    for (const context of [undefined, 'no JSON', '{}', '[]', 'null', JSON.stringify(nobody)]) {
      const carried: Record<string, string> = context === undefined ? {} : { 'Kilonova-Context': context };
      const { failure, code } = await bare.ask(`cloud.controller.call.${name}`, {}, carried);
      expect([context, failure?.code, code]).toEqual([context, 'unauthenticated', '401']);
    }
  });

  it('is looked up again by the controller: roles are those that are stored, and strangers are nobody', async () => {
    const { user, project } = await person({ roles: ['reader'] });
    const as = async (caller: object) => {
      const carried = { 'Kilonova-Context': JSON.stringify({ ...admin, caller }) };
      return (await bare.ask('cloud.controller.call.key-pair.create', { name: 'k' }, carried)).failure?.code;
    };
    expect(await as({ userId: user, projectId: project, roles: ['admin'] })).toBe('forbidden');
    expect(await as({ userId: user, projectId: adminProject, roles: ['admin'] })).toBe('unauthenticated');
    expect(await as({ userId: 'nobody', projectId: project, roles: ['admin'] })).toBe('unauthenticated');
    expect(await as({ userId: user, projectId: 'constructor', roles: ['admin'] })).toBe('unauthenticated');
    expect(await as({ userId: '__proto__', projectId: '__proto__', roles: ['admin'] })).toBe('unauthenticated');
  });
});
