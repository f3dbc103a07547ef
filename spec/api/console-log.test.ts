import { afterEach, beforeEach, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { addDownZone } from '../support/down-zone.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { type BareClient, connectBare } from './bare-client.ts';

let cloud: TestCloud;
let bare: BareClient;
beforeEach(async () => {
  cloud = await startTestCloud();
  bare = await connectBare(cloud.url);
});
afterEach(async () => {
  await bare.close();
  await cloud.stop();
});

it('is what the guest wrote, the last of it when little is asked for', async () => {
  const { uuid, hostname } = await cloud.create({ name: 'Talkative' });
  await cloud.until(uuid, ({ state }) => state === 'running');
  const { output } = await cloud.client.ask(api.instance.consoleLog, { uuid });
  expect(output).toContain(hostname);
  const { output: last } = await cloud.client.ask(api.instance.consoleLog, { uuid, maxBytes: 20 });
  expect(last).toBe(output.slice(-20));
});

it('grows with each boot, and is still there when the guest is stopped', async () => {
  const { uuid } = await cloud.create();
  await cloud.until(uuid, ({ state }) => state === 'running');
  const { output: once } = await cloud.client.ask(api.instance.consoleLog, { uuid });
  await cloud.client.ask(api.instance.stop, { uuid });
  await cloud.until(uuid, ({ state }) => state === 'stopped');
  await cloud.client.ask(api.instance.start, { uuid });
  await cloud.until(uuid, ({ state }) => state === 'running');
  const { output: twice } = await cloud.client.ask(api.instance.consoleLog, { uuid });
  expect(twice.length).toBeGreaterThan(once.length);
});

it('is empty while the guest has no disk, and a conflict while there is no host', async () => {
  const letGo = cloud.hypervisors.get('host1')?.hang('prepareFilter');
  const { uuid } = await cloud.create();
  await cloud.until(uuid, ({ state }) => state === 'spawning.preparingFilter');
  expect(await cloud.client.ask(api.instance.consoleLog, { uuid })).toEqual({ output: '' });
  letGo?.();
  await cloud.until(uuid, ({ state }) => state === 'running');

  await addDownZone(cloud.runtime, 'down');
  const unplaced = await cloud.create({ availabilityZone: 'down' });
  await cloud.until(unplaced.uuid, ({ state }) => state === 'failed.scheduling');
  const answer = await bare.as(cloud.token)('instance.console-log', { uuid: unplaced.uuid });
  expect(answer).toMatchObject({
    code: '409',
    failure: { code: 'conflict', message: expect.stringContaining('host') },
  });
});

it('is refused, not left unanswered, when it does not fit into a message', async () => {
  const { uuid } = await cloud.create();
  await cloud.until(uuid, ({ state }) => state === 'running');
  const hypervisor = cloud.hypervisors.get('host1');
  // A guest that writes binary to its console: each byte becomes six in JSON.
  if (hypervisor) hypervisor.consoleLog = async (_, maxBytes) => '\u0001'.repeat(maxBytes);
  const ask = bare.as(cloud.token);
  expect(await ask('instance.console-log', { uuid, maxBytes: 262_144 })).toMatchObject({
    code: '500',
    failure: { code: 'unsupported', message: expect.stringContaining('too large') },
  });
  expect((await ask('instance.console-log', { uuid, maxBytes: 1_000 })).failure).toBeUndefined();
});

it('is refused as unavailable when the host is gone, within the deadline', async () => {
  const host = await cloud.addHost({ name: 'host2', zone: 'east' });
  const { uuid } = await cloud.create({ availabilityZone: 'east' });
  await cloud.until(uuid, ({ state }) => state === 'running');
  await host.stop();
  cloud.hypervisors.get('host2')?.loseConnection();
  const { failure } = await bare.as(cloud.token)('instance.console-log', { uuid });
  expect(failure).toMatchObject({ disposition: 'retry' });
  expect(['unavailable', 'hypervisor_unavailable']).toContain(failure?.code);
});
