import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { startTestNats, type TestNats } from '../support/nats.ts';
import { eventually } from '../support/test-cloud.ts';

const main = fileURLToPath(new URL('../../transport/cli/main.ts', import.meta.url));
const running: ChildProcess[] = [];
let nats: TestNats;
let folder: string;
let bus: Bus;
let client: ApiClient;

/** Starts a part as its own process; resolves when it says that it is ready. */
async function startPart(role: string, ...flags: string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [main, role, '--nats', nats.url, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, KILONOVA_CACHE_DIR: folder },
  });
  running.push(child);
  let output = '';
  child.stderr?.on('data', (chunk) => {
    output += chunk;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (chunk) => {
      output += chunk;
      if (output.includes('is ready')) resolve();
    });
    child.on('exit', (code) => reject(new Error(`kilonova ${role} ended with ${code}: ${output}`)));
  });
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  child.kill(signal);
  return ended;
}

beforeAll(async () => {
  nats = await startTestNats();
  folder = await mkdtemp(join(tmpdir(), 'kilonova-processes-'));
  await startPart('controller', '--state', folder, '--no-test-image');
  await Promise.all([
    startPart('controller', '--state', folder, '--no-test-image'),
    startPart('network'),
    startPart('scheduler'),
    startPart('api'),
    startPart('compute', '--state', folder, '--hypervisor', 'simulated', '--host', 'alpha'),
    startPart('compute', '--state', folder, '--hypervisor', 'simulated', '--host', 'beta'),
  ]);
  bus = await connectBus({ url: nats.url, name: 'test' });
  client = new ApiClient(bus, (await readFile(join(folder, 'admin-token'), 'utf8')).trim());
});

afterAll(async () => {
  await bus?.close();
  await Promise.all(running.map((child) => end(child, 'SIGKILL')));
  await nats.stop();
  await rm(folder, { recursive: true, force: true });
});

async function until(uuid: string, state: string) {
  return eventually(async () => {
    const { instance } = await client.ask(api.instance.get, { uuid });
    return instance.state === state ? instance : undefined;
  });
}

it('launches through separate processes, over both hosts', async () => {
  await eventually(async () => {
    const { hosts } = await client.ask(api.host.list, {});
    return hosts.filter(({ hypervisorState }) => hypervisorState === 'up').length === 2 ? true : undefined;
  });
  const { instances } = await client.ask(api.instance.create, {
    name: 'spread',
    image: 'simulated',
    flavor: 'm1.micro',
    minCount: 6,
    maxCount: 6,
  });
  const reached = await Promise.all(instances.map(({ uuid }) => until(uuid, 'running')));
  expect(new Set(reached.map(({ host }) => host))).toEqual(new Set(['alpha', 'beta']));
  expect(new Set(reached.flatMap(({ ports }) => ports.flatMap(({ addresses }) => addresses))).size).toBe(6);
  for (const { uuid } of reached) await client.ask(api.instance.delete, { uuid });
  await Promise.all(reached.map(({ uuid }) => until(uuid, 'deleted')));
});

it('goes on after a compute process is killed and started again', async () => {
  const { instances } = await client.ask(api.instance.create, {
    name: 'survivor',
    image: 'simulated',
    flavor: 'm1.micro',
  });
  const uuid = instances[0]?.uuid ?? '';
  const { host = '' } = await until(uuid, 'running');
  const child = running.find(({ spawnargs }) => spawnargs.includes(host));
  if (!child) throw new Error(`no process for ${host}`);
  await end(child, 'SIGKILL');
  // The guest has outlived the process that made it, as a real one would.
  await startPart('compute', '--state', folder, '--hypervisor', 'simulated', '--host', host);
  await client.ask(api.instance.pause, { uuid });
  await until(uuid, 'paused');
  await client.ask(api.instance.delete, { uuid });
  await until(uuid, 'deleted');
});

it('keeps disabled the host of a compute process that was killed, when it is started again', async () => {
  const child = running.find((each) => each.spawnargs.includes('beta') && each.signalCode === null);
  if (!child) throw new Error('no process for beta');
  await end(child, 'SIGKILL');
  const { host } = await client.ask(api.host.disable, { host: 'beta', reason: 'it was killed' });
  expect(host).toMatchObject({ service: 'disabled', disabledReason: 'it was killed' });
  await startPart('compute', '--state', folder, '--hypervisor', 'simulated', '--host', 'beta');
  await eventually(async () => {
    const again = (await client.ask(api.host.get, { host: 'beta' })).host;
    return again.hypervisorState === 'up' && Date.parse(again.startedAt) > Date.parse(host.startedAt)
      ? again
      : undefined;
  });
  const kept = (await client.ask(api.host.get, { host: 'beta' })).host;
  expect(kept).toMatchObject({ service: 'disabled', disabledReason: 'it was killed', isAlive: true });
  expect((await client.ask(api.host.enable, { host: 'beta' })).host.service).toBe('enabled');
});

it('stops every part in order when it is asked to', async () => {
  const codes = await Promise.all(
    running.filter(({ signalCode }) => signalCode === null).map((child) => end(child, 'SIGTERM')),
  );
  expect(codes.every((code) => code === 0)).toBe(true);
});
