/** What the users of the bus leave on the disk, and what of it others see. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeys } from 'nats';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BusAuthority } from '../../actors/identity/bus-authority.ts';
import { ClientUsers, userLifetimeMs } from '../../actors/identity/client-users.ts';
import { startNatsServer } from '../../actors/setup/nats-server.ts';
import { accountFolder } from '../../actors/setup/stored-accounts.ts';
import { openAuthority } from '../../transport/cli/bus-keys.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { connectionAs, fromSeed, parseCredentials, readCredentials } from '../../transport/nats/credentials.ts';
import { readClaims } from '../../transport/nats/nats-jwt.ts';
import { startKilonova } from '../support/kilonova-process.ts';

const isReady = /Ctrl-C stops the cloud/;
const world = { clock: systemClock, chance: systemChance };
const administrator = { userId: 'admin', projectId: 'admin', roles: ['admin'] };

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-keys-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function openUsers(folder: string): Promise<ClientUsers> {
  const authority = await BusAuthority.open(join(folder, 'bus-keys.json'), world);
  return ClientUsers.of(authority.credentialsOf('controller')) as ClientUsers;
}

describe('the keys of the bus', () => {
  it('are made once, also by several at once, and can be read by their owner only', async () => {
    const file = join(await newFolder(), 'bus-keys.json');
    const opened = await Promise.all([1, 2, 3].map(() => BusAuthority.open(file, world)));
    const again = await BusAuthority.open(file, world);
    expect(new Set([...opened, again].map(({ account }) => account)).size).toBe(1);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(file, '..'))).toEqual(['bus-keys.json']);
  });

  it('have one more when there is a new role', async () => {
    const file = join(await newFolder(), 'bus-keys.json');
    const { account } = await BusAuthority.open(file, world);
    const keys = JSON.parse(await readFile(file, 'utf8'));
    const { scheduler, ...others } = keys.roles;
    await writeFile(file, JSON.stringify({ ...keys, roles: others }));
    expect((await BusAuthority.open(file, world)).account).toBe(account);
    const after = JSON.parse(await readFile(file, 'utf8'));
    expect(after).toEqual({ ...keys, roles: { ...keys.roles, scheduler: after.roles.scheduler } });
    expect(after.roles.scheduler).not.toBe(scheduler);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('are not made anew, or taken from another cloud, beside what a cloud has stored', async () => {
    const state = await newFolder();
    const file = join(state, 'bus-keys.json');
    const { account } = await openAuthority(state);
    const kept = await readFile(file, 'utf8');
    await mkdir(accountFolder(state, '$G'), { recursive: true });
    expect((await openAuthority(state)).account).toBe(account);
    await mkdir(accountFolder(state, account));
    expect((await openAuthority(state)).account).toBe(account);

    const refusal = { failure: { code: 'conflict', message: expect.stringContaining(`${file} has not the keys`) } };
    await rm(file);
    await expect(openAuthority(state)).rejects.toMatchObject(refusal);
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
    await BusAuthority.open(file, world);
    await expect(openAuthority(state)).rejects.toMatchObject(refusal);
    await writeFile(file, kept);
    expect((await openAuthority(state)).account).toBe(account);
  });

  it.each([
    ['empty', () => ''],
    ['of something else', () => '{"a":1}'],
    ['torn', (kept: string) => kept.slice(0, -80)],
    ['with a seed that is none', (kept: string) => kept.replace(/"SO\w{9}/, '"SOnonsense')],
  ])('are called damaged when the file is %s, without a word of what is in it', async (_, damage) => {
    const file = join(await newFolder(), 'bus-keys.json');
    await BusAuthority.open(file, world);
    await writeFile(file, damage(await readFile(file, 'utf8')));
    const message = `the keys of the bus in ${file} are damaged: put back a copy of the file`;
    await expect(BusAuthority.open(file, world)).rejects.toMatchObject({ failure: { code: 'unavailable', message } });
  });

  it('tell nats-server nothing secret', async () => {
    const file = join(await newFolder(), 'bus-keys.json');
    const configuration = (await BusAuthority.open(file, world)).serverConfiguration();
    const seeds = (await readFile(file, 'utf8')).match(/S[A-Z0-9]{57}/g) ?? [];
    expect(seeds.length).toBeGreaterThan(10);
    expect(seeds.filter((seed) => configuration.includes(seed))).toEqual([]);
  });
});

describe('the administrator’s credentials', () => {
  it('stay until half of their life is over, then are made anew, for their owner only', async () => {
    const folder = await newFolder();
    const users = await openUsers(folder);
    const file = join(folder, 'admin.creds');
    const now = Date.now();
    await users.ensureCredentials(file, administrator, now);
    const first = await readFile(file, 'utf8');
    await users.ensureCredentials(file, administrator, now + userLifetimeMs / 2 - 60_000);
    expect(await readFile(file, 'utf8')).toBe(first);
    await chmod(file, 0o644);
    await users.ensureCredentials(file, administrator, now + userLifetimeMs / 2 + 60_000);
    expect(await readFile(file, 'utf8')).not.toBe(first);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('are made anew when they are of another cloud', async () => {
    const [one, other] = [await newFolder(), await newFolder()];
    const file = join(one, 'admin.creds');
    await (await openUsers(other)).ensureCredentials(file, administrator, Date.now());
    const users = await openUsers(one);
    await users.ensureCredentials(file, administrator, Date.now());
    expect(readClaims(readCredentials(file).jwt).nats.issuer_account).toBe(users.account);
  });

  it('end with the token, and are for a key of a user only', async () => {
    const users = await openUsers(await newFolder());
    const expiresAt = Date.now() + 60_000;
    const key = nkeys.createUser().getPublicKey();
    expect(users.sign(key, { ...administrator, expiresAt }, Date.now()).expiresAt).toBe(expiresAt);
    for (const wrong of [
      nkeys.createAccount().getPublicKey(),
      `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`,
      'U',
      '',
    ]) {
      expect(() => users.sign(wrong, administrator, Date.now())).toThrow(/publicKey/);
    }
  });
});

it('keeps what a server without users has stored, when it has users', async () => {
  const stateDir = await newFolder();
  const before = await startNatsServer({ stateDir, port: 0 });
  const open = await connectBus({ url: before.url, name: 'before' });
  await open.nats.manager.streams.add({ name: 'KV_cloud_host', subjects: ['$KV.cloud_host.>'], allow_direct: true });
  await open.nats.jetstream.publish('$KV.cloud_host.alpha', 'kept');
  await open.close();
  await before.stop();
  const authority = await BusAuthority.open(join(stateDir, 'bus-keys.json'), world);
  const users = { account: authority.account, configuration: authority.serverConfiguration() };
  for (const _ of [1, 2]) {
    const after = await startNatsServer({ stateDir, port: 0, users });
    const bus = await connectBus({
      url: after.url,
      name: 'after',
      connection: connectionAs(authority.credentialsOf('up')),
    });
    const hosts = await bus.openKeyValues('cloud_host', { history: 1 });
    expect(Buffer.from((await hosts.latest('alpha'))?.bytes ?? []).toString()).toBe('kept');
    await bus.close();
    await after.stop();
  }
});

describe('kilonova up', () => {
  it('lets in its own command line and who has credentials, nobody else; no seed is logged or printed', async () => {
    const state = await newFolder();
    const log = join(state, 'log');
    const flags = ['--hypervisor', 'simulated', '--nats-port', '0', '--log-level', 'trace', '--log-file', log];
    await using cloud = startKilonova(['up', '--launch', ...flags, '--state', state]);
    await cloud.says(isReady);
    const url = (await readFile(join(state, 'nats-url'), 'utf8')).trim();
    const token = (await readFile(join(state, 'admin-token'), 'utf8')).trim();
    await expect(connectBus({ url, name: 'nobody' })).rejects.toThrow(/Authorization/);

    const elsewhere = await newFolder();
    const run = async (...words: string[]) => {
      const command = startKilonova(words);
      return { code: await command.ended, stdout: command.stdout(), stderr: command.stderr() };
    };
    expect(await run('flavor', 'list', '--state', state)).toMatchObject({ code: 0 });
    const stranger = await run('flavor', 'list', '--state', elsewhere, '--nats', url, '--token', token);
    expect(stranger).toMatchObject({ code: 4 });
    expect(stranger.stderr).toContain('it wants credentials: give --creds, or KILONOVA_CREDS');

    const passwordFile = join(state, 'admin-password');
    const password = (await readFile(passwordFile, 'utf8')).trim();
    expect((await stat(passwordFile)).mode & 0o777).toBe(0o600);
    expect(cloud.stdout()).toContain(password);
    await writeFile(join(elsewhere, 'password'), 'another password\n');
    const files = ['--old-password-file', passwordFile, '--password-file', join(elsewhere, 'password')];
    const changed = { code: 0, stdout: 'the password is changed\n' };
    expect(await run('user', 'set-password', ...files, '--state', state)).toMatchObject(changed);

    const creds = join(elsewhere, 'mine.creds');
    expect(await run('token', 'creds', '--output', creds, '--state', state)).toMatchObject({ code: 0, stderr: '' });
    expect((await stat(creds)).mode & 0o777).toBe(0o600);
    const with_ = ['--state', elsewhere, '--nats', url, '--token', token, '--creds', creds];
    expect(await run('flavor', 'list', ...with_)).toMatchObject({ code: 0, stderr: '' });
    const again = await run('token', 'creds', '--output', creds, '--state', state);
    expect(again).toMatchObject({ code: 1, stdout: '' });

    const part = join(elsewhere, 'part.creds');
    const made = await run('creds', 'compute', '--host', 'node7', '--state', state, '--output', part);
    expect(made).toMatchObject({ code: 0, stdout: '', stderr: '' });
    await using host = startKilonova(
      ['compute', '--hypervisor', 'simulated', '--host', 'node7', '--nats', url, '--creds', part, '--state', elsewhere],
      {},
    );
    await host.says(/kilonova compute is ready/);
    await expect
      .poll(async () => (await run('host', 'list', '--state', state)).stdout, { timeout: 20_000 })
      .toMatch(/node7.*up/);
    const wrong = startKilonova(['scheduler', '--nats', url, '--creds', part]);
    expect(await wrong.ended).not.toBe(0);
    expect(wrong.stderr()).toContain('may not');

    host.kill('SIGTERM');
    expect(await host.ended).toBe(0);
    cloud.kill('SIGTERM');
    expect(await cloud.ended).toBe(0);
    expect(`${cloud.stdout()}${host.stdout()}`).not.toContain('! whoever');

    const secrets = [
      ...((await readFile(join(state, 'bus-keys.json'), 'utf8')).match(/S[A-Z0-9]{57}/g) ?? []),
      ...[creds, part, join(state, 'admin.creds')].map((file) => readCredentials(file).seed),
    ];
    for (const seed of secrets) expect(fromSeed(seed).getPublicKey()).toMatch(/^[OAU]/);
    const served = ['nats-server.log', 'nats-server.conf', 'log'].map((name) => readFile(join(state, name), 'utf8'));
    const told = [cloud, host, wrong].flatMap((each) => [each.stdout(), each.stderr()]);
    const everything = [...(await Promise.all(served)), ...told].join('\n');
    expect(secrets.filter((secret) => everything.includes(secret))).toEqual([]);
  }, 240_000);
});

it('prints what another nats-server has to know, and takes credentials only from what has some', async () => {
  const state = await newFolder();
  const config = startKilonova(['nats-config', '--state', state]);
  expect(await config.ended).toBe(0);
  const authority = await BusAuthority.open(join(state, 'bus-keys.json'), world);
  expect(config.stdout()).toContain(authority.account);
  const server = await startNatsServer({ stateDir: await newFolder(), port: 0, extraConfig: config.stdout() });
  onTestFinished(() => server.stop());
  const creds = startKilonova(['creds', 'controller', '--state', state]);
  expect(await creds.ended).toBe(0);
  const credentials = parseCredentials(creds.stdout());
  const bus = await connectBus({ url: server.url, name: 'test', connection: connectionAs(credentials) });
  expect(ClientUsers.of(credentials)?.account).toBe(authority.account);
  await bus.close();
  expect(() => parseCredentials('nothing')).toThrow('there are no credentials');
});
