/** Records that nobody here can read, damaged or of a later release: what does not need them runs, and says what is missing. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { lossOf } from '../../actors/controller/host-loss.ts';
import { tokenDigest } from '../../actors/identity/authenticator.ts';
import { adminUser } from '../../actors/identity/first-admin.ts';
import { api } from '../../transport/messages/api.ts';
import { type KilonovaProcess, startKilonova } from '../support/kilonova-process.ts';
import { rawBucket } from '../support/raw-bucket.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { failureOf } from '../transport/support.ts';

const damaged = '{"name": "cut';

async function startCloud() {
  const cloud = await startTestCloud({ hosts: [] });
  onTestFinished(() => cloud.stop());
  const state = await mkdtemp(join(tmpdir(), 'kilonova-unreadable-'));
  onTestFinished(() => rm(state, { recursive: true, force: true }));
  await writeFile(join(state, 'admin-token'), `${cloud.token}\n`);
  const simulated = ['--hypervisor', 'simulated', '--http-port', '0', '--nats', cloud.url, '--state', state];
  return { cloud, state, up: (...words: string[]): KilonovaProcess => startKilonova(['up', ...simulated, ...words]) };
}

async function damage({ runtime }: TestCloud, name: 'host' | 'user' | 'token', key: string) {
  const bucket = await rawBucket(runtime.bus, await runtime.store.bucket(name));
  await bucket.put(key, damaged);
  return { read: async () => (await bucket.get(key))?.string(), remove: () => bucket.delete(key) };
}

it('leaves out the host that one is of until it can be read, and runs the others', { timeout: 60_000 }, async () => {
  const { cloud, up } = await startCloud();
  const record = await damage(cloud, 'host', 'node-1');
  await using process = up('--launch', '--host', 'node', '--simulated-hosts', '2');
  await process.says(/✓ the cloud is up .* 1 simulated host$/m);
  expect(process.stdout()).toMatch(
    /^! the record node-1 of the bucket cloud_host cannot be read .*put back or remove the record\. Until then host node-1 is left out$/m,
  );
  await process.says(/✓ \S+ runs on node-2/);
  expect(await record.read()).toBe(damaged);

  await record.remove();
  const returned = () => cloud.client.ask(api.host.get, { host: 'node-1' }).catch(() => undefined);
  await eventually(async () => (await returned())?.host.hypervisorState === 'up' || undefined);
  process.kill('SIGTERM');
  expect(await process.ended).toBe(0);
});

it('is named as what keeps a command from an instance on the host that it is of', async () => {
  const cloud = await startTestCloud({ hosts: [] });
  onTestFinished(() => cloud.stop());
  await damage(cloud, 'host', 'node');
  const hosts = await cloud.runtime.store.bucket('host');
  const named = { code: 'unavailable', message: expect.stringContaining('the record node of the bucket cloud_host') };
  expect(await failureOf(lossOf(hosts, 'node'))).toMatchObject({ ...named, details: { host: 'node' } });
});

it('keeps no host alone in its process from saying so as it ends', async () => {
  const { cloud, state } = await startCloud();
  await damage(cloud, 'host', 'node');
  const words = ['--hypervisor', 'simulated', '--host', 'node', '--nats', cloud.url, '--state', state];
  await using host = startKilonova(['compute', ...words]);
  expect(await host.ended).not.toBe(0);
  expect(host.stderr()).toContain('the record node of the bucket cloud_host cannot be read');
});

it('runs a cloud whose only host it is of, and launches nothing on it', { timeout: 60_000 }, async () => {
  const { cloud, up } = await startCloud();
  await damage(cloud, 'host', 'node');
  await using process = up('--launch', '--host', 'node');
  await process.says(/! no instance is launched: there is no host/);
  expect(process.stdout()).toMatch(/✓ the cloud is up .* no host$/m);
  process.kill('SIGTERM');
  expect(await process.ended).toBe(0);
});

it('runs without the administrator whose one it is, and leaves it as it is', { timeout: 60_000 }, async () => {
  const { cloud, up } = await startCloud();
  const record = await damage(cloud, 'user', adminUser);
  await using process = up('--launch', '--host', 'node');
  await process.says(/! no instance is launched: the user may not use the project/);
  expect(process.stdout()).toMatch(/^! the record admin of the bucket cloud_user cannot be read .*nobody is let in/m);
  expect(await record.read()).toBe(damaged);
  process.kill('SIGTERM');
  expect(await process.ended).toBe(0);
});

it('gives the first administrator another token for one, and leaves it as it is', { timeout: 60_000 }, async () => {
  const { cloud, state, up } = await startCloud();
  const record = await damage(cloud, 'token', tokenDigest(cloud.token));
  await using process = up('--launch', '--host', 'node');
  await process.says(/✓ \S+ runs on node/);
  expect(process.stdout()).toMatch(/^! the record \S+ of the bucket cloud_token cannot be read .*has another token$/m);
  const token = (await readFile(join(state, 'admin-token'), 'utf8')).trim();
  expect(token).not.toBe(cloud.token);
  expect(process.stdout()).toContain(`kept in ${join(state, 'admin-token')}: ${token}`);
  expect(await record.read()).toBe(damaged);
  process.kill('SIGTERM');
  expect(await process.ended).toBe(0);
});
