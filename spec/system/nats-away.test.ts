/** A nats-server that is killed under a working cloud, is late, or comes back without what it had stored. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { adminProject } from '../../actors/identity/first-admin.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { startKilonova } from '../support/kilonova-process.ts';
import { startTestNats } from '../support/nats.ts';
import { eventually, imageName, startTestCloud } from '../support/test-cloud.ts';
import { failureOf } from '../transport/support.ts';

const count = 50;
/** How long a process may take to begin, on a machine that runs other tests too (ms). */
const startMs = 60_000;

it('launches everything that was accepted exactly once when its server is killed with launches in flight', async () => {
  const cloud = await startTestCloud({ hosts: [{ name: 'host1' }, { name: 'host2' }, { name: 'host3' }] });
  onTestFinished(() => cloud.stop());
  const { client, nats } = cloud;
  // So that some have just been recorded, and some are with their hypervisor, when the server goes.
  for (const hypervisor of cloud.hypervisors.values()) hypervisor.delay('waitForBoot', 400);
  await client.ask(api.quota.set, { projectId: adminProject, instances: -1, vcpus: -1, memoryMb: -1 });
  const request = { name: 'test', image: imageName, flavor: 'm1.micro', minCount: 10, maxCount: 10 };
  const accepted: string[] = [];
  const tokens = Array.from({ length: count / 10 }, (_, index) => `launch-${index}`);

  /** As a client does: it asks again with the same token, until it is told. */
  async function create(clientToken: string): Promise<void> {
    for (;;) {
      try {
        const { instances } = await client.ask(api.instance.create, { ...request, clientToken });
        accepted.push(...instances.map(({ uuid }) => uuid));
        return;
      } catch (error) {
        expect(error).toMatchObject({ failure: { disposition: 'retry' } });
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  const creating = tokens.map(create);
  await eventually(() => (accepted.length >= 20 ? true : undefined));
  for (let outage = 0; outage < 2; outage++) {
    await nats.kill();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await nats.startAgain();
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
  await Promise.all(creating);
  const all = await eventually(async () => {
    const { instances } = await client.ask(api.instance.list, {}).catch(() => ({ instances: [] as InstanceView[] }));
    return instances.length === count && instances.every(({ state }) => state === 'running') ? instances : undefined;
  }, 240_000);

  expect(accepted.toSorted()).toEqual(all.map(({ uuid }) => uuid).toSorted());
  const domains = await Promise.all([...cloud.hypervisors.values()].map((hypervisor) => hypervisor.listGuests()));
  const guests = domains.flat().filter(({ powerState }) => powerState !== 'absent');
  expect(guests.map(({ uuid }) => uuid).toSorted()).toEqual(accepted.toSorted());
  expect(guests.every(({ powerState }) => powerState === 'running')).toBe(true);
  const addresses = all.flatMap(({ ports }) => ports.flatMap((port) => port.addresses));
  expect(new Set(addresses).size).toBe(count);
  const { quota } = await client.ask(api.quota.get, {});
  expect(quota.instances.used).toBe(count);

  for (const uuid of accepted) await client.ask(api.instance.delete, { uuid });
  await eventually(async () => {
    const left = await Promise.all([...cloud.hypervisors.values()].map((hypervisor) => hypervisor.listGuests()));
    return left.flat().every(({ powerState }) => powerState === 'absent') ? true : undefined;
  }, 30_000);
}, 240_000);

it('answers a request that was made before its server went, or while it was away, as unavailable', async () => {
  const cloud = await startTestCloud();
  onTestFinished(() => cloud.stop());
  const { client, nats } = cloud;
  const { uuid } = await cloud.create();
  await cloud.until(uuid, ({ state }) => state === 'running');
  await nats.kill();
  const askedAt = Date.now();
  const failures = await Promise.all([
    failureOf(client.ask(api.instance.list, {})),
    failureOf(client.ask(api.instance.stop, { uuid })),
    failureOf(client.ask(api.instance.create, { name: 'late', image: imageName, flavor: 'm1.micro' })),
  ]);
  expect(failures.map(({ code }) => code)).toEqual(['unavailable', 'unavailable', 'unavailable']);
  expect(Date.now() - askedAt).toBeLessThan(api.instance.create.timeoutMs + 1_000);
  await nats.startAgain();
  // None of it has happened since.
  await cloud.until(uuid, ({ state }) => state === 'running');
  const { instances } = await client.ask(api.instance.list, {});
  expect(instances.map(({ name }) => name)).toEqual(['test']);
  // A host that was not heard of for so long is heard of again.
  await eventually(async () => {
    const { hosts } = await client.ask(api.host.list, {});
    return hosts.every(({ isAlive }) => isAlive) ? true : undefined;
  });
}, 240_000);

it('waits, as each of its parts does, for a server that comes later', async () => {
  const nats = await startTestNats();
  onTestFinished(() => nats.stop());
  await nats.kill();
  await using network = startKilonova(['network', '--nats', nats.url]);
  await eventually(() => (network.stderr().includes(`waiting for NATS at ${nats.url}`) ? true : undefined), startMs);
  await nats.startAgain();
  await network.says(/kilonova network is ready/);
  network.kill('SIGTERM');
  expect(await network.ended).toBe(0);
}, 240_000);

it('stops waiting when it is told to', async () => {
  await using network = startKilonova(['network', '--nats', 'nats://127.0.0.1:1']);
  await eventually(() => (network.stderr().includes('waiting for NATS') ? true : undefined), startMs);
  network.kill('SIGTERM');
  expect(await network.ended).toBe(0);
}, 240_000);

it('begins again, and makes what every cloud has, when its server comes back without what it had stored', async () => {
  const nats = await startTestNats();
  onTestFinished(() => nats.stop());
  const state = await mkdtemp(join(tmpdir(), 'kilonova-lost-'));
  onTestFinished(() => rm(state, { recursive: true, force: true }));
  const words = ['--nats', nats.url, '--state', state, '--no-test-image'];
  await using controller = startKilonova(['controller', ...words]);
  await using server = startKilonova(['api', '--nats', nats.url]);
  await Promise.all([controller.says(/kilonova controller is ready/), server.says(/kilonova api is ready/)]);
  const token = (await readFile(join(state, 'admin-token'), 'utf8')).trim();
  await nats.kill();
  await nats.loseState();
  await nats.startAgain();
  const again = /the NATS server was started anew: beginning again with what is stored/;
  await Promise.all([controller.says(again), server.says(again)]);

  const bus = await connectBus({ url: nats.url, name: 'test' });
  onTestFinished(() => bus.close());
  const client = new ApiClient(bus, token);
  await eventually(async () => {
    const { flavors } = await client.ask(api.flavor.list, {}).catch(() => ({ flavors: [] }));
    return flavors.some(({ name }) => name === 'm1.micro') || undefined;
  }, startMs);
  for (const part of [controller, server]) part.kill('SIGTERM');
  expect(await Promise.all([controller.ended, server.ended])).toEqual([0, 0]);
}, 240_000);
