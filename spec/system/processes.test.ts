import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { type KilonovaProcess, startKilonova } from '../support/kilonova-process.ts';
import { startTestNats, type TestNats } from '../support/nats.ts';
import { eventually } from '../support/test-cloud.ts';

/** By the name of the host, or another of each. */
const running = new Map<string, KilonovaProcess>();
let nats: TestNats;
let folder: string;
let bus: Bus;
let client: ApiClient;

/** Starts a part as a process of its own; resolves when it says that it is ready. */
async function startPart(name: string, role: string, ...flags: string[]): Promise<void> {
  const part = startKilonova([role, '--nats', nats.url, ...flags]);
  running.set(name, part);
  await part.says(/is ready/);
}

const startController = (name: string) => startPart(name, 'controller', '--state', folder, '--no-test-image');
const startHost = (name: string) =>
  startPart(name, 'compute', '--state', folder, '--hypervisor', 'simulated', '--host', name);

async function kill(name: string): Promise<void> {
  const part = running.get(name);
  if (!part) throw new Error(`no process for ${name}`);
  await part[Symbol.asyncDispose]();
}

beforeAll(async () => {
  nats = await startTestNats();
  folder = await mkdtemp(join(tmpdir(), 'kilonova-processes-'));
  await startController('controller');
  await Promise.all([
    startController('another controller'),
    ...['network', 'scheduler', 'api'].map((role) => startPart(role, role)),
    ...['alpha', 'beta'].map(startHost),
  ]);
  bus = await connectBus({ url: nats.url, name: 'test' });
  client = new ApiClient(bus, (await readFile(join(folder, 'admin-token'), 'utf8')).trim());
});

afterAll(async () => {
  await bus?.close();
  await Promise.all([...running.values()].map((part) => part[Symbol.asyncDispose]()));
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
  await kill(host);
  // The guest has outlived the process that made it, as a real one would.
  await startHost(host);
  await client.ask(api.instance.pause, { uuid });
  await until(uuid, 'paused');
  await client.ask(api.instance.delete, { uuid });
  await until(uuid, 'deleted');
});

it('keeps disabled the host of a compute process that was killed, when it is started again', async () => {
  await kill('beta');
  const { host } = await client.ask(api.host.disable, { host: 'beta', reason: 'it was killed' });
  expect(host).toMatchObject({ service: 'disabled', disabledReason: 'it was killed' });
  await startHost('beta');
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
  const parts = [...running.values()];
  for (const part of parts) part.kill('SIGTERM');
  const codes = await Promise.all(parts.map(({ ended }) => ended));
  expect(codes).toEqual(parts.map(() => 0));
});
