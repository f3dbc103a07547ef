/** Who is let in, as two parts of a cloud see it, of which one hears of what is written a little later than the other. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authenticator, openAuthenticator } from '../../actors/identity/authenticator.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { api } from '../../transport/messages/api.ts';
import type { RoleName } from '../../transport/messages/records.ts';
import { startTestRuntimes, type TestRuntimes } from '../support/runtimes.ts';

const rounds = 20;
const createdAt = Date.now();

let runtimes: TestRuntimes;
let writer: Runtime;
let other: Authenticator;
beforeAll(async () => {
  runtimes = await startTestRuntimes();
  writer = await runtimes.connect();
  other = await openAuthenticator(await runtimes.connect());
  await (await writer.store.bucket('project')).create('demo', { id: 'demo', name: 'demo', isEnabled: true, createdAt });
});
afterAll(() => runtimes.stop());

const createUser = async (id: string, role: RoleName) =>
  (await writer.store.bucket('user')).create(id, { id, name: id, isEnabled: true, roles: { demo: [role] }, createdAt });

const createToken = async (id: string, userId: string) =>
  (await writer.store.bucket('token')).create(id, { userId, projectId: 'demo', createdAt });

const failure = (code: string) => ({ failure: { code } });

describe('an authenticator', () => {
  it('lets in whoever shows a token that was made a moment ago by another part', async () => {
    for (let round = 0; round < rounds; round++) {
      await createUser(`user-${round}`, 'member');
      await createToken(`token-${round}`, `user-${round}`);
      expect(await other.admit(api.instance.list, `token-${round}`)).toMatchObject({ userId: `user-${round}` });
    }
  });

  it('lets a caller whom another part vouches for do what a role allows that was given a moment ago', async () => {
    const users = await writer.store.bucket('user');
    for (let round = 0; round < rounds; round++) {
      const id = `reader-${round}`;
      await createUser(id, 'reader');
      await expect(
        other.admitAgain(api.instance.create, { userId: id, projectId: 'demo', roles: [] }),
      ).rejects.toMatchObject(failure('forbidden'));
      const reader = await users.get(id);
      if (!reader) throw new Error('the user is not there');
      await users.update(id, { ...reader.value, roles: { demo: ['member'] } }, reader.revision);
      const caller = await other.admitAgain(api.instance.create, { userId: id, projectId: 'demo', roles: [] });
      expect(caller.roles).toEqual(['member']);
    }
  });

  it('refuses a token that was never made, and one that is missing', async () => {
    await expect(other.admit(api.instance.list, 'nobody')).rejects.toMatchObject(failure('unauthenticated'));
    await expect(other.admit(api.instance.list, undefined)).rejects.toMatchObject(failure('unauthenticated'));
    await expect(other.admitAgain(api.instance.list, undefined)).rejects.toMatchObject(failure('unauthenticated'));
  });
});
