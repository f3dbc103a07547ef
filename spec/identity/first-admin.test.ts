import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAuthenticator, tokenDigest } from '../../actors/identity/authenticator.ts';
import { adminUser, ensureAdminPassword, ensureFirstAdmin } from '../../actors/identity/first-admin.ts';
import { isPassword } from '../../actors/identity/passwords.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { api } from '../../transport/messages/api.ts';
import { startTestRuntimes, type TestRuntimes } from '../support/runtimes.ts';

let runtimes: TestRuntimes;
let runtime: Runtime;
let folder: string;
let file: string;
beforeEach(async () => {
  runtimes = await startTestRuntimes();
  runtime = await runtimes.connect();
  folder = await mkdtemp(join(tmpdir(), 'kilonova-admin-'));
  file = join(folder, 'state', 'admin-token');
});
afterEach(async () => {
  await runtimes.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Who is behind the token, or nobody. */
async function userOf(token: string): Promise<string | undefined> {
  const authenticator = await openAuthenticator(runtime);
  return authenticator.admit(api.instance.list, tokenDigest(token)).then(
    ({ userId }) => userId,
    () => undefined,
  );
}

describe('the first administrator', () => {
  it('has a token in a file that nobody else can read, the same at each start', async () => {
    const first = await ensureFirstAdmin(runtime, file);
    expect(first.isNew).toBe(true);
    expect(await readFile(file, 'utf8')).toBe(`${first.token}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await ensureFirstAdmin(await runtimes.connect(), file)).toEqual({ token: first.token, isNew: false });
    expect(await userOf(first.token)).toBe(adminUser);
  });

  it('has the token that is in the file when the cloud begins', async () => {
    const own = join(folder, 'own');
    await writeFile(own, 'my-own-token\n');
    expect(await ensureFirstAdmin(runtime, own)).toEqual({ token: 'my-own-token', isNew: false });
    expect(await userOf('my-own-token')).toBe(adminUser);
  });

  it('has another token when the one in the file was revoked, which stays so', async () => {
    const { token } = await ensureFirstAdmin(runtime, file);
    await (await runtime.store.bucket('token')).remove(tokenDigest(token));
    const second = await ensureFirstAdmin(runtime, file);
    expect(second.isNew).toBe(true);
    expect(await userOf(second.token)).toBe(adminUser);
    expect(await userOf(token)).toBeUndefined();
  });

  it('stays deleted', async () => {
    const { token } = await ensureFirstAdmin(runtime, file);
    await (await runtime.store.bucket('user')).remove(adminUser);
    await (await runtime.store.bucket('token')).remove(tokenDigest(token));
    expect(await ensureFirstAdmin(runtime, file)).toEqual({ token, isNew: false });
    expect(await userOf(token)).toBeUndefined();
    expect(await (await runtime.store.bucket('user')).get(adminUser)).toBeUndefined();
  });

  it('has a password in a file that nobody else can read, made once, also by several at once', async () => {
    const passwordFile = join(folder, 'state', 'admin-password');
    await ensureFirstAdmin(runtime, file);
    const others = await Promise.all([runtimes.connect(), runtimes.connect()]);
    const made = await Promise.all([runtime, ...others].map((each) => ensureAdminPassword(each, passwordFile)));
    const [password, ...more] = made.filter((each) => each !== undefined);
    expect(more).toEqual([]);
    expect(await readFile(passwordFile, 'utf8')).toBe(`${password}\n`);
    expect((await stat(passwordFile)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(folder, 'state'))).toEqual(['admin-password', 'admin-token']);
    const stored = (await (await runtime.store.bucket('user')).get(adminUser))?.value.password;
    expect(await isPassword(password ?? '', stored)).toBe(true);
    expect(await isPassword(`${password}x`, stored)).toBe(false);
    expect(await ensureAdminPassword(runtime, passwordFile)).toBeUndefined();
  });

  it('has the password that is in the file when there is none yet', async () => {
    await ensureFirstAdmin(runtime, file);
    await writeFile(join(folder, 'own'), 'my own password\n');
    expect(await ensureAdminPassword(runtime, join(folder, 'own'))).toBe('my own password');
    await (await runtime.store.bucket('user')).remove(adminUser);
    expect(await ensureAdminPassword(runtime, join(folder, 'another'))).toBeUndefined();
  });
});
