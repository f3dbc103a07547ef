/** Each part with a user of its own, on a nats-server that refuses everything else: it is enough for all that they do. */
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { nkeys } from 'nats';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Role, startCloud } from '../../actors/cloud/cloud.ts';
import { ensureFirstRecords } from '../../actors/cloud/first-records.ts';
import { startCompute } from '../../actors/compute/compute.ts';
import { ensureFirstAdmin } from '../../actors/identity/first-admin.ts';
import { ImageStore } from '../../actors/images/image-store.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import { createRuntime, type Part, type Runtime } from '../../actors/runtime/runtime.ts';
import { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { InspectionWatch } from '../../actors/web/inspection-watch.ts';
import { fail } from '../../machines/failure.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import { maxChunkBytes } from '../../transport/messages/api/image.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { ApiClient, type InstanceFact } from '../../transport/nats/api-client.ts';
import { seedOf } from '../../transport/nats/credentials.ts';
import { consumers } from '../../transport/nats/subjects.ts';
import { ConsoleClient, tokenFor } from '../console/console-client.ts';
import { Browser, startTestWeb, type TestWeb } from '../http/support.ts';
import { type SecuredNats, startSecuredNats } from '../support/secured-nats.ts';
import { eventually } from '../support/test-cloud.ts';

const logger = createLogger('fatal');
const parts = new Map<string, Part>();
const hypervisors = new Map(
  ['alpha', 'beta.example'].map((host) => [
    host,
    new SimulatedHypervisor({ clock: systemClock, chance: systemChance, latencyMs: 0 }),
  ]),
);
let nats: SecuredNats;
let admin: ApiClient;
let token: string;
/** Of the last host. */
let host: Runtime;

async function startPart(name: string, start: (runtime: Runtime) => Promise<Part>, role: Role, host?: string) {
  const bus = await nats.connectPart(role, host);
  const runtime = await createRuntime({ bus, clock: systemClock, chance: systemChance, logger });
  const part = await start(runtime);
  parts.set(name, {
    async stop() {
      await part.stop();
      await runtime.store.close();
      await bus.close();
    },
  });
  return runtime;
}

function startHost(host: string): Promise<Runtime> {
  const hypervisor = hypervisors.get(host) as SimulatedHypervisor;
  const options = { name: host, availabilityZone: 'nova', hypervisor, capacity };
  return startPart(host, (runtime) => startCompute(runtime, options), 'compute', host);
}

const controllerOptions = () => ({ roles: ['controller'] as const, controller: { clientUsers: nats.clientUsers } });
const capacity = { vcpus: 64, memoryMb: 262_144, diskGb: 4096 };

async function restart(name: string, start: () => Promise<unknown>): Promise<void> {
  await parts.get(name)?.stop();
  await start();
}

beforeAll(async () => {
  nats = await startSecuredNats();
  await startPart(
    'controller',
    async (runtime) => {
      ({ token } = await ensureFirstAdmin(runtime, join(nats.folder, 'admin-token')));
      await ensureFirstRecords(runtime, undefined);
      return startCloud(runtime, controllerOptions());
    },
    'controller',
  );
  for (const role of ['network', 'scheduler', 'api'] as const) {
    await startPart(role, (runtime) => startCloud(runtime, { roles: [role] }), role);
  }
  for (const name of hypervisors.keys()) host = await startHost(name);
  admin = new ApiClient(await nats.connect(nats.clientCredentials('admin', { roles: ['admin'] })), token);
  await eventually(async () => {
    const { hosts } = await admin.ask(api.host.list, {});
    return hosts.filter(({ hypervisorState }) => hypervisorState === 'up').length === 2 ? true : undefined;
  });
});

afterAll(async () => {
  for (const part of [...parts.values()].reverse()) await part.stop();
  await nats?.stop();
});

async function launch(more: object = {}): Promise<string> {
  const request = { name: 'test', image: 'simulated', flavor: 'm1.micro', ...more };
  const { instances } = await admin.ask(api.instance.create, request);
  return instances[0]?.uuid ?? '';
}

function until(uuid: string, vmState: InstanceView['vmState']): Promise<InstanceView> {
  return eventually(async () => {
    const { instance } = await admin.ask(api.instance.get, { uuid });
    return instance.vmState === vmState && instance.taskState === undefined ? instance : undefined;
  });
}

it('lets an instance run, be commanded, tell of itself, and be deleted', async () => {
  const told: InstanceFact[] = [];
  const stop = admin.follow('admin', (fact) => told.push(fact));
  const uuid = await launch({ files: [{ path: '/etc/motd', contents: 'aGVsbG8=' }] });
  await until(uuid, 'active');
  expect((await admin.ask(api.instance.consoleLog, { uuid })).output).toContain('console');
  await admin.ask(api.instance.stop, { uuid });
  await until(uuid, 'stopped');
  await admin.ask(api.instance.start, { uuid });
  await until(uuid, 'active');
  await admin.ask(api.instance.rebuild, { uuid, image: 'simulated' });
  await until(uuid, 'active');
  expect((await admin.ask(api.instance.actions, { uuid })).actions.length).toBeGreaterThan(2);
  expect((await admin.ask(api.fact.list, { uuid })).facts.length).toBeGreaterThan(5);
  const [{ name: host } = { name: '' }] = (await admin.ask(api.host.list, {})).hosts;
  expect((await admin.ask(api.host.facts, { host })).facts.length).toBeGreaterThan(0);
  await admin.ask(api.instance.delete, { uuid });
  await until(uuid, 'deleted');
  expect(told.map(({ to }) => to)).toContain('running');
  stop();
  expect(nats.refusals).toEqual([]);
});

it('lets every part go on after a restart, with what was there', async () => {
  const uuid = await launch();
  const { host: name = '' } = await until(uuid, 'active');
  await restart(name, async () => {
    host = await startHost(name);
  });
  await restart('controller', () =>
    startPart('controller', (runtime) => startCloud(runtime, controllerOptions()), 'controller'),
  );
  for (const role of ['network', 'scheduler', 'api'] as const) {
    await restart(role, () => startPart(role, (runtime) => startCloud(runtime, { roles: [role] }), role));
  }
  // The server may still have to hear that they listen.
  await eventually(() => admin.ask(api.instance.list, {}).catch(() => undefined));
  await admin.ask(api.instance.stop, { uuid });
  await until(uuid, 'stopped');
  await admin.ask(api.instance.delete, { uuid });
  await until(uuid, 'deleted');
  expect(nats.refusals).toEqual([]);
});

it('lets a launch that one host cannot carry out be tried on the other', async () => {
  const failure = fail('hypervisor_error', 'a fault', { disposition: 'reschedule' }).failure;
  for (const hypervisor of hypervisors.values()) hypervisor.failNext('createDomain', failure);
  const uuids = await Promise.all([launch(), launch()]);
  const settled = await Promise.all(uuids.map((uuid) => until(uuid, 'active')));
  expect(settled.every(({ host }) => host !== undefined)).toBe(true);
  for (const uuid of uuids) await admin.ask(api.instance.delete, { uuid });
  for (const uuid of uuids) await until(uuid, 'deleted');
  expect(nats.refusals).toEqual([]);
});

it('lets hosts be commanded, also one that does not run', async () => {
  const name = 'alpha';
  expect((await admin.ask(api.host.disable, { host: name, reason: 'a test' })).host.service).toBe('disabled');
  expect((await admin.ask(api.host.enable, { host: name })).host.service).toBe('enabled');
  await parts.get(name)?.stop();
  expect((await admin.ask(api.host.disable, { host: name, reason: 'away' })).host.service).toBe('disabled');
  host = await startHost(name);
  await admin.ask(api.host.enable, { host: name });
  expect(nats.refusals).toEqual([]);
});

it('lets images be uploaded, read by a host, and removed', async () => {
  const bytes = randomBytes(maxChunkBytes + 1000);
  const disk = { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
  const { image } = await admin.ask(api.image.create, { name: 'uploaded', diskFormat: 'raw', disk });
  for (const offset of [0, maxChunkBytes]) {
    const data = bytes.subarray(offset, offset + maxChunkBytes).toString('base64');
    await admin.ask(api.image.upload, { image: image.id, file: 'disk', offset, data });
  }
  expect((await admin.ask(api.image.finish, { image: image.id })).image.status).toBe('active');
  const read = createHash('sha256');
  for await (const part of await (await ImageStore.open(host.bus)).open(disk.sha256)) read.update(part);
  expect(read.digest('hex')).toBe(disk.sha256);
  await admin.ask(api.image.delete, { image: image.id });
  expect(nats.refusals).toEqual([]);
});

it('lets administrators manage what is theirs', async () => {
  await admin.ask(api.project.create, { id: 'shop', name: 'shop' });
  await admin.ask(api.user.create, { id: 'ann', name: 'ann' });
  await admin.ask(api.user.grant, { id: 'ann', projectId: 'shop', role: 'member' });
  const { secret } = await admin.ask(api.token.create, { userId: 'ann', projectId: 'shop' });
  await admin.ask(api.quota.set, { projectId: 'shop', instances: 3 });
  await admin.ask(api.flavor.create, { id: 'f', name: 'f', vcpus: 1, memoryMb: 64, rootGb: 0 });
  await admin.ask(api.aggregate.create, { name: 'rack' });
  const ann = new ApiClient(await nats.connect(nats.clientCredentials('shop')), secret);
  await ann.ask(api.keyPair.create, { name: 'mine' });
  const { serverGroup } = await ann.ask(api.serverGroup.create, { name: 'group', policy: 'anti-affinity' });
  await ann.ask(api.securityGroup.create, { name: 'web' });
  await ann.ask(api.instance.create, {
    name: 'hers',
    image: 'simulated',
    flavor: 'f',
    hints: { group: serverGroup.id },
  });
  expect((await ann.ask(api.address.list, {})).addresses).toBeDefined();
  await admin.ask(api.user.delete, { id: 'ann' });
  expect(nats.refusals).toEqual([]);
});

it('lets who shows no token sign in', async () => {
  await admin.ask(api.user.create, { id: 'eve', name: 'eve', password: 'a password of hers' });
  await admin.ask(api.user.grant, { id: 'eve', projectId: 'shop', role: 'member' });
  const asking = new ApiClient(await nats.connect(nats.clientCredentials('shop')), '');
  const { token } = await asking.ask(api.session.create, { user: 'eve', password: 'a password of hers' });
  expect(token).toMatchObject({ userId: 'eve', projectId: 'shop' });
  expect(nats.refusals).toEqual([]);
});

it('signs a user of the bus for who shows a token, whom the bus lets follow their project', async () => {
  await admin.ask(api.project.create, { id: 'blog', name: 'blog' });
  await admin.ask(api.user.create, { id: 'bob', name: 'bob' });
  await admin.ask(api.user.grant, { id: 'bob', projectId: 'blog', role: 'member' });
  const { secret } = await admin.ask(api.token.create, { userId: 'bob', projectId: 'blog', expiresInSeconds: 3600 });
  const key = nkeys.createUser();
  // Who has no user yet asks on somebody else's connection: it is the token that counts.
  const asking = new ApiClient(await nats.connect(nats.clientCredentials('admin')), secret);
  const { jwt, expiresAt } = await asking.ask(api.token.natsUser, { publicKey: key.getPublicKey() });
  expect(Date.parse(expiresAt)).toBeLessThanOrEqual(Date.now() + 3600_000);
  const bob = new ApiClient(await nats.connect({ jwt, seed: seedOf(key) }, 'bob'), secret);
  const told: InstanceFact[] = [];
  await bob.followFrom('blog', new Date().toISOString(), (fact) => told.push(fact));
  const { instances } = await bob.ask(api.instance.create, { name: 'his', image: 'simulated', flavor: 'm1.micro' });
  await eventually(() => told.find(({ uuid, to }) => uuid === instances[0]?.uuid && to === 'running'));
  expect(nats.refusals).toEqual([]);
});

it('lets a web server watch the machines of every part', async () => {
  const seen = new Set<string>();
  let watch: InspectionWatch | undefined;
  const stop = async () => watch?.stop();
  await startPart(
    'watch',
    async (runtime) => {
      watch = new InspectionWatch(runtime);
      return { stop };
    },
    'web',
  );
  watch?.watch(undefined, (changes) => {
    for (const { told } of changes) seen.add(`${told.sessionId.split('/')[0]?.slice(0, -9)} ${told.type}`);
  });
  const uuids = await Promise.all([launch(), launch(), launch(), launch()]);
  for (const uuid of uuids) await until(uuid, 'active');
  const told = ['controller', 'alpha', 'beta.example']
    .map((name) => (name === 'controller' ? name : consumers.compute(name)))
    .flatMap((part) => ['@xstate.actor', '@xstate.event', '@xstate.snapshot'].map((type) => `${part} ${type}`));
  await eventually(() => told.every((each) => seen.has(each)) || undefined);
  await stop();
  expect(nats.refusals).toEqual([]);
});

it('lets a browser sign in, ask, follow what happens, and have a console', async () => {
  let web: TestWeb | undefined;
  await startPart('web', async (runtime) => (web = await startTestWeb(runtime)), 'web');
  const browser = new Browser(web?.origin ?? '');
  expect((await browser.signIn(token)).status).toBe(200);
  const live = await browser.live();
  const uuid = await launch();
  await live.untilState(uuid, 'running');
  expect(await browser.call('instance.get', { uuid })).toMatchObject({ instance: { uuid } });
  const console = await new ConsoleClient(browser, await tokenFor(admin, uuid)).ready();
  console.type('uname\r');
  await console.until(/Linux/);
  expect((await browser.ask('/readyz', { method: 'GET' })).status).toBe(200);
  const ours = { method: 'GET', headers: { 'sec-fetch-site': 'same-origin' } };
  expect(await (await browser.ask('/statistics', ours)).text()).toContain(uuid);
  const metrics = await (await browser.ask('/metrics', ours)).text();
  expect(metrics).toContain('kilonova_casts_waiting{consumer="compute beta.example"} 0');
  expect((await browser.ask('/session', { method: 'DELETE' })).status).toBe(204);
  expect(nats.refusals).toEqual([]);
});

it('lets a host that is gone be deleted, with what was cast to it', async () => {
  hypervisors.set('gamma', new SimulatedHypervisor({ clock: systemClock, chance: systemChance, latencyMs: 0 }));
  await startHost('gamma');
  await parts.get('gamma')?.stop();
  await admin.ask(api.host.delete, { host: 'gamma' });
  const { hosts } = await admin.ask(api.host.list, {});
  expect(hosts.map(({ name }) => name).toSorted()).toEqual(['alpha', 'beta.example']);
  expect(nats.refusals).toEqual([]);
});
