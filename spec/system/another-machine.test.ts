/**
 * A newcomer on another machine, with nothing but a NATS client and the README: the program that is printed there, run
 * in a network namespace of its own, against a cloud in another one.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { runCommand } from '../../actors/process/run-command.ts';
import { startKilonova } from '../support/kilonova-process.ts';

const own = `kn${randomBytes(3).toString('hex')}`;
/** From the block that RFC 2544 keeps for tests. */
const cloudAddress = '198.18.254.1';
const clientAddress = '198.18.254.2';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Two machines with a cable between them. */
async function twoMachines(): Promise<{ cloud: string; client: string }> {
  const machines = { cloud: `${own}-cloud`, client: `${own}-client` };
  onTestFinished(async () => {
    for (const name of Object.values(machines)) await runCommand('ip', ['netns', 'delete', name]).catch(() => {});
  });
  for (const name of Object.values(machines)) await runCommand('ip', ['netns', 'add', name]);
  const { cloud, client } = machines;
  const cable = ['link', 'add', 'eth0', 'netns', cloud, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', client];
  await runCommand('ip', cable);
  for (const [name, address] of [
    [cloud, cloudAddress],
    [client, clientAddress],
  ] as const) {
    await runCommand('ip', ['-n', name, 'address', 'add', `${address}/30`, 'dev', 'eth0']);
    for (const device of ['lo', 'eth0']) await runCommand('ip', ['-n', name, 'link', 'set', device, 'up']);
  }
  return machines;
}

/** The program that the README shows. */
async function programOfReadme(): Promise<string> {
  const [, program] = /```js\n(import \{ connect.+?)```/s.exec(await readFile(join(root, 'README.md'), 'utf8')) ?? [];
  if (!program) throw new Error('the README shows no program');
  return program;
}

it('launches with the program of the README', { timeout: 60_000 }, async () => {
  const machines = await twoMachines();
  const state = await mkdtemp(join(tmpdir(), 'kilonova-far-'));
  onTestFinished(() => rm(state, { recursive: true, force: true }));
  await using cloud = startKilonova(
    ['up', '--hypervisor', 'simulated', '--state', state, '--nats-address', cloudAddress],
    { runner: ['ip', 'netns', 'exec', machines.cloud] },
  );
  const [, url = ''] = await cloud.says(/NATS: (nats:\S+)/);
  expect(cloud.stdout()).toContain(`! whoever is on the way to ${cloudAddress} can read along`);
  const token = (await readFile(join(state, 'admin-token'), 'utf8')).trim();

  const variables = [`NATS_URL=${url}`, `TOKEN=${token}`, `CREDS=${join(state, 'admin.creds')}`];
  const node = [process.execPath, '--input-type=module', '--eval', await programOfReadme()];
  const { stdout } = await runCommand('ip', [
    'netns',
    'exec',
    machines.client,
    'env',
    '-C',
    root,
    ...variables,
    ...node,
  ]);
  expect(stdout).toMatch(/^web scheduling$/m);
  expect(stdout).toMatch(/^web running 10\.20\.\d+\.\d+$/m);
  cloud.kill('SIGTERM');
  expect(await cloud.ended).toBe(0);
});
