/** A failure story: a host has an instance by its record, and does not go on with it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startController } from '../../actors/controller/controller.ts';
import type { Part } from '../../actors/runtime/runtime.ts';
import { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { type Clock, systemChance, systemClock } from '../../transport/clock.ts';
import { api } from '../../transport/messages/api.ts';
import { networkCalls } from '../../transport/messages/internal.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
/** An instance whose addresses are being allocated. */
let allocating: Instance;
/** Another one, whose sweeps come a thousand times as often. */
let controller: Part;
const sweepEveryMs = 5_000;
/** How often all that sweeps so often has waited for its next turn. */
let turns = 0;
const clock: Clock = {
  now: systemClock.now,
  after(ms, callback) {
    if (ms !== sweepEveryMs) return systemClock.after(ms, callback);
    turns += 1;
    return systemClock.after(ms / 1_000, callback);
  },
};
beforeAll(async () => {
  cloud = await startTestCloud();
  allocating = await halfLaunched();
  controller = await startController({ ...(await cloud.connect()), clock });
});
afterAll(async () => {
  await controller.stop();
  await cloud.stop();
});

async function halfLaunched(): Promise<Instance> {
  const { bus, store } = cloud.runtime;
  const { request } = bus;
  const held = Promise.withResolvers<void>();
  bus.request = async (subject, ...rest) => {
    if (subject === subjects.hostCall('network', 'host1', networkCalls.allocateForInstance.name)) await held.promise;
    return request(subject, ...rest);
  };
  const { uuid } = await cloud.create();
  await cloud.until(uuid, ({ state }) => state === 'networking');
  const record = (await (await store.bucket('instance')).get(uuid))?.value;
  bus.request = request;
  held.resolve();
  await cloud.until(uuid, ({ state }) => state === 'running');
  if (!record) throw new Error('there is no instance');
  return record;
}

/** As a process of the host leaves it that has taken the cast, and has ended: the one that there is knows nothing of it. */
async function leave(host: string, mac: string): Promise<string> {
  const uuid = systemChance.uuid();
  const record: Instance = JSON.parse(JSON.stringify(allocating).replaceAll(allocating.uuid, uuid));
  const networks = record.networks.map((network) => ({ ...network, mac }));
  const { context } = record.chart;
  await cloud.write('instance', uuid, {
    ...record,
    networks,
    owner: { host },
    chart: { ...record.chart, context: { ...context, host } },
  });
  return uuid;
}

it('the host is told when the time is up that it had, and goes on from there', async () => {
  const uuid = await leave('host1', '02:00:00:00:00:01');
  const instance = await cloud.until(uuid, ({ state }) => state === 'running');
  expect(instance).toMatchObject({ host: 'host1', attempt: 1, ports: [{ mac: '02:00:00:00:00:01' }] });
});

it('what a host has that is no more goes on elsewhere', async () => {
  const uuid = await leave('nowhere', '02:00:00:00:00:02');
  const instance = await cloud.until(uuid, ({ state }) => state === 'running');
  expect(instance).toMatchObject({
    host: 'host1',
    attempt: 2,
    tried: [{ host: 'nowhere', fault: { code: 'timeout' } }],
  });
});

it('what a host has begun stays its own as long as it lives, whatever keeps it from going on', async () => {
  const hypervisor = new SimulatedHypervisor({ clock: systemClock, chance: systemChance, latencyMs: 0 });
  cloud.hypervisors.set('host2', hypervisor);
  const connect = hypervisor.hang('connect');
  const beginning = cloud.addHost({ name: 'host2' });
  const hosts = await cloud.runtime.store.view('host');
  await eventually(() => hosts.get('host2'));
  const uuid = await leave('host2', '02:00:00:00:00:03');
  const longSince = turns + 600;
  await eventually(() => (turns >= longSince ? true : undefined));
  const { instance } = await cloud.client.ask(api.instance.get, { uuid });
  expect(instance).toMatchObject({ state: 'networking', host: 'host2', attempt: 1 });
  connect();
  await beginning;
  expect(await cloud.until(uuid, ({ state }) => state === 'running')).toMatchObject({ host: 'host2', attempt: 1 });
});
