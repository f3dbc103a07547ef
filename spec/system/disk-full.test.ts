/** The disk with the state of `kilonova up` is really full, for its nats-server and for its host: it says so, and goes on. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adminProject } from '../../actors/identity/first-admin.ts';
import { exitCodes } from '../../transport/cli/exit-codes.ts';
import { api } from '../../transport/messages/api.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { connectionAs, readCredentials } from '../../transport/nats/credentials.ts';
import { type KilonovaProcess, startKilonova } from '../support/kilonova-process.ts';
import { mayMount, mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { eventually } from '../support/test-cloud.ts';
import { failureOf } from '../transport/support.ts';

const mib = 1024 ** 2;
const patienceMs = 90_000;
const launches = 40;
const up = ['up', '--hypervisor', 'simulated', '--nats-port', '0'];

let cleanups: AsyncDisposableStack;
let disk: SmallDisk;
let cloud: KilonovaProcess;
let client: ApiClient;

async function start(): Promise<void> {
  disk = cleanups.use(await mountSmallDisk(96 * mib));
  const state = disk.folder;
  cloud = cleanups.use(startKilonova([...up, '--nats-store', '64M', '--state', state]));
  await cloud.says(/Ctrl-C stops the cloud/);
  const url = (await readFile(join(state, 'nats-url'), 'utf8')).trim();
  const token = (await readFile(join(state, 'admin-token'), 'utf8')).trim();
  const connection = connectionAs(readCredentials(join(state, 'admin.creds')));
  const bus = await connectBus({ url, name: 'test', usesJetStream: false, connection });
  cleanups.defer(() => bus.nats.connection.close());
  client = new ApiClient(bus, token);
  await client.ask(api.quota.set, { projectId: adminProject, instances: -1, vcpus: -1, memoryMb: -1 });
}

/** Asked for twice with the same name it is one. */
const create = (name: string) =>
  client.ask(api.instance.create, { name, clientToken: name, image: 'simulated', flavor: 'm1.micro' });

/** As a client does: it asks again until it is told. */
async function launch(name: string): Promise<void> {
  await eventually(() => create(name).catch(() => undefined), patienceMs);
}

async function untilAtRest(count: number) {
  return eventually(async () => {
    const { instances } = await client.ask(api.instance.list, {});
    const atRest = instances.filter(({ vmState }) => vmState === 'active' || vmState === 'error');
    return atRest.length === count ? instances : undefined;
  }, patienceMs);
}

it.skipIf(!mayMount)('does not begin where there is no room for it', { timeout: patienceMs }, async () => {
  await using small = await mountSmallDisk(16 * mib);
  await using begun = startKilonova([...up, '--state', small.folder]);
  expect(await begun.ended).toBe(exitCodes.unreachable);
  expect(begun.stderr()).toContain('✗ unavailable: the state store is full');
});

describe.skipIf(!mayMount)('kilonova up on a disk that is full', () => {
  beforeEach(async () => {
    cleanups = new AsyncDisposableStack();
    await start();
  }, patienceMs);

  afterEach(() => cleanups.disposeAsync(), patienceMs);

  it('takes nothing new, says why, and brings what it has taken to an end', { timeout: 4 * patienceMs }, async () => {
    const launching = Array.from({ length: launches }, (_, index) => launch(`web-${index}`));
    await Promise.race(launching);
    await disk.fill();
    await cloud.says(/! the disk of \S+ is full/);
    // A nats-server that hangs on the disk carries nothing more of a connection that has written to it: not the refusal either.
    const { code, disposition } = await failureOf(create('late'));
    expect(['unavailable', 'timeout']).toContain(code);
    expect(disposition).toBe('retry');

    await disk.makeRoom();
    await cloud.says(/there is room again/);
    await Promise.all([...launching, launch('late')]);
    const all = await untilAtRest(launches + 1);
    for (const { name, vmState, fault } of all) expect([name, vmState, fault?.code]).toSatisfy(isEnded);
    expect(all.find(({ name }) => name === 'late')?.vmState).toBe('active');
    const addresses = all.flatMap(({ ports }) => ports.flatMap((port) => port.addresses));
    expect(new Set(addresses).size).toBe(addresses.length);
  });

  it('starts its nats-server anew when that does not answer although there is room', {
    timeout: 4 * patienceMs,
  }, async () => {
    await launch('before');
    await untilAtRest(1);
    await disk.fill();
    await cloud.says(/! the disk of \S+ is full/);
    process.kill(Number(await readFile(join(disk.folder, 'nats-server.pid'), 'utf8')), 'SIGSTOP');
    await disk.makeRoom();
    await cloud.says(/! the nats-server does not answer any more: it is started anew/);
    await launch('after');
    const all = await untilAtRest(2);
    expect(all.map(({ name, vmState }) => `${name} ${vmState}`).toSorted()).toEqual(['after active', 'before active']);
    cloud.kill('SIGTERM');
    expect(await cloud.ended).toBe(0);
  });
});

/** It runs, or says why not. */
function isEnded([, vmState, code]: [string, string, string | undefined]): boolean {
  return vmState === 'active' || code !== undefined;
}
