import { afterEach, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { facts } from '../../transport/messages/internal.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import type { NatsLink } from '../support/nats-link.ts';
import { eventually, quickPulse, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
let link: NatsLink;

afterEach(() => cloud?.stop());

/** A cloud with a host whose way to the others can be cut, and which is the only one as yet. */
async function startWithFirst(): Promise<void> {
  cloud = await startTestCloud({ hosts: [], pulse: quickPulse });
  link = await cloud.addDistantHost({ name: 'first' });
}

const hypervisorOf = (name: string) => {
  const hypervisor = cloud.hypervisors.get(name);
  if (!hypervisor) throw new Error(`there is no host ${name}`);
  return hypervisor;
};

const isDown = (name: string) =>
  eventually(async () => ((await cloud.client.ask(api.host.get, { host: name })).host.downSince ? true : undefined));

it('a launch goes to another host, with the same MAC address; the first one, which was only slow, cannot change that', async () => {
  await startWithFirst();
  const goOn = hypervisorOf('first').hang('createDomain');
  const { uuid } = await cloud.create({ name: 'web' });
  const before = await cloud.until(uuid, ({ state }) => state === 'spawning.creatingDomain');
  const told: string[] = [];
  const subscription = cloud.runtime.bus.subscribe(subjects.hostFact('first'), ({ data }) => {
    told.push(facts.host.body.decode(data).type);
  });
  await cloud.addHost({ name: 'second' });
  link.cut();

  const moved = await cloud.until(uuid, ({ state }) => state === 'running');
  expect(moved).toMatchObject({
    host: 'second',
    hostStatus: 'up',
    attempt: 2,
    tried: [{ host: 'first', fault: { code: 'host_down', step: 'spawning' } }],
  });
  expect(moved.ports[0]?.mac).toBe(before.ports[0]?.mac);
  expect(told).toEqual(['down']);

  // It was only slow, and goes on where it was.
  goOn();
  link.mend();
  await eventually(() => (told.at(-1) === 'up' ? true : undefined));
  expect(await cloud.until(uuid, () => true)).toMatchObject({ state: 'running', host: 'second', ports: moved.ports });
  const ports = await cloud.runtime.store.view('port');
  expect([...ports.values()]).toMatchObject([{ host: 'second', attempt: 2 }]);
  expect((await cloud.client.ask(api.host.get, { host: 'first' })).host).toMatchObject({ isAlive: true, instances: 0 });
  subscription.unsubscribe();
});

it('a launch that has no other host fails with what happened, and is deleted without the host', async () => {
  await startWithFirst();
  hypervisorOf('first').hang('createDomain');
  const { uuid } = await cloud.create({ name: 'web' });
  await cloud.until(uuid, ({ state }) => state === 'spawning.creatingDomain');
  link.cut();
  await isDown('first');
  const failed = await cloud.until(uuid, ({ vmState }) => vmState === 'error');
  expect(failed).toMatchObject({
    state: 'failed.scheduling',
    ports: [],
    fault: { code: 'no_valid_host', cause: { code: 'host_down' } },
  });
  await cloud.client.ask(api.instance.delete, { uuid });
  await cloud.until(uuid, ({ state }) => state === 'deleted');
  const [ports, addresses] = await Promise.all([cloud.runtime.store.view('port'), cloud.runtime.store.view('address')]);
  expect([ports.size, addresses.size]).toEqual([0, 0]);
});
