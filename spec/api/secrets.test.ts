import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCloud } from '../../actors/cloud/cloud.ts';
import { ensureFirstRecords } from '../../actors/cloud/first-records.ts';
import { startCompute } from '../../actors/compute/compute.ts';
import { ensureFirstAdmin } from '../../actors/identity/first-admin.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import { createRuntime, type Part, type Runtime } from '../../actors/runtime/runtime.ts';
import { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { addDownZone } from '../support/down-zone.ts';
import { startTestNats, type TestNats } from '../support/nats.ts';
import { rawBucket } from '../support/raw-bucket.ts';
import { eventually } from '../support/test-cloud.ts';
import { type BareClient, connectBare } from './bare-client.ts';

let nats: TestNats;
let folder: string;
let runtime: Runtime;
let parts: Part[];
let token: string;
let bare: BareClient;
let ask: ReturnType<BareClient['as']>;
const hypervisor = new SimulatedHypervisor({ clock: systemClock, chance: systemChance, latencyMs: 0 });

beforeAll(async () => {
  nats = await startTestNats();
  folder = await mkdtemp(join(tmpdir(), 'kilonova-secrets-'));
  const logger = createLogger('trace', join(folder, 'log'));
  const bus = await connectBus({ url: nats.url, name: 'test' });
  runtime = await createRuntime({ bus, clock: systemClock, chance: systemChance, logger });
  await ensureFirstRecords(runtime, undefined);
  ({ token } = await ensureFirstAdmin(runtime, join(folder, 'admin-token')));
  parts = [
    await startCloud(runtime, { roles: ['api', 'controller', 'scheduler', 'network'] }),
    await startCompute(runtime, {
      name: 'host1',
      hypervisor,
      capacity: { vcpus: 64, memoryMb: 262_144, diskGb: 4096 },
    }),
  ];
  bare = await connectBare(nats.url);
  ask = bare.as(token);
  await eventually(async () =>
    JSON.stringify((await ask('host.list', {})).body).includes('"hypervisorState":"up"') ? true : undefined,
  );
});
afterAll(async () => {
  await bare.close();
  for (const part of parts.toReversed()) await part.stop();
  await runtime.store.close();
  await runtime.bus.close();
  await nats.stop();
  await rm(folder, { recursive: true, force: true });
});

const base64 = (text: string) => Buffer.from(text).toString('base64');

const adminPassword = 'pa55-of-the-guest';
const userData = base64('#cloud-config with-a-secret-in-it');
const contents = base64('contents-of-a-secret-file');
const password = 'pa55-to-sign-in-with';
const hidden = () => [adminPassword, userData, contents, token, password];

it('keeps passwords, user data, files and tokens out of facts, logs and answers', async () => {
  const told: string[] = [];
  bare.connection.subscribe('cloud.fact.>', { callback: (_, message) => void told.push(message.string()) });
  await bare.connection.flush();
  const answers: unknown[] = [];
  const remember = async (endpoint: string, payload: unknown) => {
    const answer = await ask(endpoint, payload);
    answers.push(answer);
    return answer;
  };
  const secrets = { adminPassword, userData, files: [{ path: '/etc/secret', contents }] };
  const request = { image: 'simulated', flavor: 'm1.micro', ...secrets };
  const stateOf = async (uuid: string) => {
    const { body } = await remember('instance.get', { uuid });
    return (body.instance as { state: string }).state;
  };
  const createAndReach = async (name: string, state: string, more: object = {}) => {
    const { body } = await remember('instance.create', { name, ...request, ...more });
    const [{ uuid } = { uuid: '' }] = body.instances as { uuid: string }[];
    await eventually(async () => ((await stateOf(uuid)) === state ? true : undefined));
    return uuid;
  };

  const running = await createAndReach('goes well', 'running');
  // Tries every way to fail, each of which is told and logged.
  const broken = { code: 'hypervisor_error', message: 'it broke', disposition: 'reschedule' } as const;
  for (const step of ['createDisks', 'createDomain'] as const) hypervisor.failNext(step, broken);
  const failed = await createAndReach('fails', 'failed.scheduling');
  await addDownZone(runtime, 'down');
  const unplaced = await createAndReach('is not placed', 'failed.scheduling', { availabilityZone: 'down' });
  await remember('instance.create', { name: 'refused', ...request, surprise: 1 });
  await remember('instance.create', { name: 'refused', ...request, userData: `${userData}!` });
  await remember('instance.create', {
    name: 'refused',
    ...request,
    adminPassword: `${adminPassword}${'x'.repeat(200)}`,
  });
  await remember('instance.create', { name: 'refused', ...request, flavor: 'none' });
  await remember('instance.create', { name: 'once', ...request, clientToken: 'once' });
  await remember('instance.create', { name: 'twice', ...request, clientToken: 'once' });
  await remember('instance.list', {});
  await remember('instance.console-log', { uuid: running });
  await remember('instance.reboot', { uuid: running, how: 'hard' });
  const made = await remember('key-pair.create', { name: 'key' });
  const privateKey = String(made.body.privateKey).split('\n')[3] ?? '';
  expect(privateKey.length).toBeGreaterThan(20);
  answers.splice(answers.indexOf(made), 1);
  await remember('key-pair.list', {});
  await remember('user.create', { id: 'ann', name: 'ann', password });
  await remember('user.update', { id: 'ann', password, isEnabled: 'yes' });
  await remember('user.grant', { id: 'ann', projectId: 'admin', role: 'reader' });
  await remember('user.set-password', { oldPassword: password, password });
  await remember('session.create', { user: 'ann', password: `${password}?` });
  const session = await ask('session.create', { user: 'ann', password });
  const sessionSecret = String(session.body.secret);
  expect(sessionSecret.length).toBeGreaterThan(20);
  await remember('user.list', {});
  await remember('token.list', { userId: 'ann' });
  for (const uuid of [running, failed, unplaced]) await remember('instance.delete', { uuid });
  await eventually(async () => ((await stateOf(running)) === 'deleted' ? true : undefined));
  await remember('instance.list', { isDeleted: true });
  await bare.connection.flush();

  expect(told.length).toBeGreaterThan(20);
  const log = await eventually(async () => (await readFile(join(folder, 'log'), 'utf8').catch(() => '')) || undefined);
  for (const secret of [...hidden(), privateKey, sessionSecret]) {
    for (const [where, text] of Object.entries({ facts: told.join('\n'), log, answers: JSON.stringify(answers) })) {
      expect([where, text.includes(secret)]).toEqual([where, false]);
    }
  }
});

it('keeps them in their own bucket only, and not beyond the instance', async () => {
  const request = { name: 'kept', image: 'simulated', flavor: 'm1.micro', adminPassword, userData, files: [] };
  const { body } = await ask('instance.create', request);
  const [{ uuid } = { uuid: '' }] = body.instances as { uuid: string }[];
  const instances = await runtime.store.bucket('instance');
  const payloads = await runtime.store.bucket('payload');
  expect((await payloads.get(uuid))?.value).toEqual({ adminPassword, userData, files: [] });
  const versions: string[] = [];
  await ask('instance.delete', { uuid });
  await eventually(async () => ((await instances.get(uuid))?.value.vmState === 'deleted' ? true : undefined));
  for await (const entry of await (await rawBucket(runtime.bus, instances)).history({ key: uuid }))
    versions.push(entry.string());
  expect(versions.length).toBeGreaterThan(1);
  for (const secret of hidden()) expect(versions.join()).not.toContain(secret);
  await eventually(async () => ((await payloads.get(uuid)) === undefined ? true : undefined));
  for await (const entry of await (await rawBucket(runtime.bus, payloads)).history({ key: uuid }))
    expect(entry.string()).not.toContain(adminPassword);
});
