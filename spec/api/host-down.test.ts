import { afterAll, beforeAll, expect, it } from 'vitest';
import { toFailure } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { NatsLink } from '../support/nats-link.ts';
import { eventually, quickPulse, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
let link: NatsLink;

/** Some instances on a host that then falls silent; another one is left. */
const uuids: Record<string, string> = {};
beforeAll(async () => {
  cloud = await startTestCloud({ hosts: [], pulse: quickPulse });
  link = await cloud.addDistantHost({ name: 'lost' });
  for (const name of ['deleted', 'asked', 'running', 'stopped', 'moved-to', 'one-of-all']) {
    const { uuid } = await cloud.create({ name });
    await cloud.until(uuid, ({ state }) => state === 'running');
    uuids[name] = uuid;
  }
  await cloud.client.ask(api.instance.stop, { uuid: uuids.stopped ?? '' });
  await cloud.until(uuids.stopped ?? '', ({ state }) => state === 'stopped');
});
afterAll(() => cloud.stop());

const uuidOf = (name: string) => uuids[name] ?? '';
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it did not fail'),
    (error) => toFailure(error),
  );
const hostOf = async (host: string) => (await cloud.client.ask(api.host.get, { host })).host;

it('a host that is up is neither left nor forgotten', async () => {
  const failures = await Promise.all([
    failureOf(cloud.client.ask(api.instance.evacuate, { uuid: uuidOf('running') })),
    failureOf(cloud.client.ask(api.host.evacuate, { host: 'lost' })),
    failureOf(cloud.client.ask(api.host.delete, { host: 'lost' })),
  ]);
  expect(failures.map(({ code }) => code)).toEqual(['conflict', 'conflict', 'conflict']);
});

it('a host that falls silent is shown as down, with its instances, of which nobody knows what they do', async () => {
  link.cut();
  const { downSince, isAlive } = await eventually(async () => {
    const host = await hostOf('lost');
    return host.downSince ? host : undefined;
  });
  expect([isAlive, typeof downSince]).toEqual([false, 'string']);
  expect(await cloud.until(uuidOf('running'), () => true)).toMatchObject({
    state: 'running',
    hostStatus: 'down',
    powerState: 'nostate',
    commands: ['evacuate', 'delete'],
  });
  const ofPower = async (powerState: 'running' | 'nostate') =>
    (await cloud.client.ask(api.instance.list, { powerState })).instances.map(({ uuid }) => uuid);
  expect(await ofPower('running')).toEqual([]);
  expect((await ofPower('nostate')).toSorted()).toEqual(Object.values(uuids).toSorted());
});

it('what cannot be done there is refused, and says why', async () => {
  const failure = await failureOf(cloud.client.ask(api.instance.stop, { uuid: uuidOf('asked') }));
  expect(failure).toMatchObject({ code: 'unavailable', message: expect.stringContaining('host lost is down since') });
});

it('what could be done on no host is refused for that, and need not be asked again', async () => {
  const failure = await failureOf(cloud.client.ask(api.instance.unpause, { uuid: uuidOf('asked') }));
  expect(failure).toMatchObject({ code: 'conflict', message: expect.stringContaining('is running') });
});

it('a deletion ends at once, and gives the addresses back', async () => {
  const uuid = uuidOf('deleted');
  await cloud.client.ask(api.instance.delete, { uuid });
  await cloud.until(uuid, ({ state }) => state === 'deleted');
  const ports = await cloud.runtime.store.view('port');
  await eventually(() => ([...ports.values()].some((port) => port.instanceUuid === uuid) ? undefined : true));
});

it('without another host an evacuated instance stays where it was, with its ports, and says why', async () => {
  const uuid = uuidOf('running');
  const before = await cloud.until(uuid, () => true);
  await cloud.client.ask(api.instance.evacuate, { uuid });
  const after = await cloud.until(uuid, ({ state }) => state === 'failed.powering');
  expect(after).toMatchObject({
    host: 'lost',
    hostStatus: 'down',
    ports: before.ports,
    fault: { code: 'no_valid_host', step: 'evacuating' },
  });
});

it('a running instance is evacuated with its addresses, and runs; a stopped one stays off', async () => {
  await cloud.addHost({ name: 'second' });
  for (const [name, state] of [
    ['running', 'running'],
    ['stopped', 'stopped'],
  ] as const) {
    const before = await cloud.until(uuidOf(name), () => true);
    await cloud.client.ask(api.instance.evacuate, { uuid: uuidOf(name) });
    const after = await cloud.until(uuidOf(name), (instance) => instance.state === state);
    expect(after).toMatchObject({ host: 'second', hostStatus: 'up', ports: before.ports, name });
    expect(after.tried).toMatchObject([{ host: 'lost', fault: { code: 'host_down' } }]);
  }
  expect(await cloud.hypervisors.get('second')?.powerState(uuidOf('running'))).toBe('running');
  expect(await cloud.hypervisors.get('second')?.powerState(uuidOf('stopped'))).toBe('shutdown');
});

it('an instance goes to the host that it is sent to, and to no other', async () => {
  const uuid = uuidOf('moved-to');
  const failure = await failureOf(cloud.client.ask(api.instance.evacuate, { uuid, host: 'lost' }));
  expect(failure).toMatchObject({ code: 'conflict' });
  await cloud.addHost({ name: 'third' });
  await cloud.client.ask(api.instance.evacuate, { uuid, host: 'third' });
  expect(await cloud.until(uuid, ({ state }) => state === 'running')).toMatchObject({ host: 'third' });
});

it('all of a host are evacuated at once; then it can be forgotten', async () => {
  expect(await failureOf(cloud.client.ask(api.host.delete, { host: 'lost' }))).toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('has 2 instances'),
  });
  await cloud.client.ask(api.host.evacuate, { host: 'lost' });
  for (const name of ['asked', 'one-of-all']) {
    const { host } = await cloud.until(uuidOf(name), ({ state }) => state === 'running');
    expect(host).not.toBe('lost');
  }
  await cloud.client.ask(api.host.delete, { host: 'lost' });
  expect(await failureOf(hostOf('lost'))).toMatchObject({ code: 'not_found' });
});

it('a host that comes back finds that all are others’ by now, and removes its copies', async () => {
  link.mend();
  await eventually(async () =>
    (await hostOf('lost').catch(() => undefined))?.hypervisorState === 'up' ? true : undefined,
  );
  await eventually(() => (cloud.hypervisors.get('lost')?.leftovers().domains.length === 0 ? true : undefined));
  for (const name of ['running', 'asked', 'one-of-all']) {
    expect(await cloud.until(uuidOf(name), () => true)).toMatchObject({ state: 'running', hostStatus: 'up' });
  }
});
