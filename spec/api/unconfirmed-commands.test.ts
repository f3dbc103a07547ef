/** What a client is told of a command that its host does not confirm. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { api } from '../../transport/messages/api.ts';
import { type NatsLink, openNatsLink } from '../support/nats-link.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { failureOf } from '../transport/support.ts';

let cloud: TestCloud;
let link: NatsLink;
let its: Runtime;
let uuid: string;
beforeAll(async () => {
  cloud = await startTestCloud({ hosts: [] });
  link = await openNatsLink(cloud.url);
  its = await cloud.connect(link.url);
  await cloud.addHost({ name: 'host1', runtime: its });
  ({ uuid } = await cloud.create());
  await cloud.until(uuid, ({ state }) => state === 'running');
});
afterAll(async () => {
  link.mend();
  await cloud.stop();
  await link.close();
});

it('it was taken, and the receipt lost: the record says so, and so is the client', { timeout: 20_000 }, async () => {
  const { send } = its.bus;
  its.bus.send = (subject, ...rest) => {
    if (!subject.startsWith('_INBOX.')) send(subject, ...rest);
  };
  const { instance } = await cloud.client.ask(api.instance.reboot, { uuid, how: 'hard' });
  its.bus.send = send;
  expect(instance.state).toBe('running');
  expect((await cloud.hypervisors.get('host1')?.consoleLog(uuid, 65_536))?.match(/: ready/g)).toHaveLength(2);
});

it('nobody can tell: the client hears that, and may ask again', { timeout: 20_000 }, async () => {
  link.cut();
  expect(await failureOf(cloud.client.ask(api.instance.stop, { uuid }))).toEqual({
    code: 'timeout',
    disposition: 'retry',
    message: 'host host1 has not answered: whether it has heard is not known, and it may be asked again',
    details: { host: 'host1' },
  });
  expect((await cloud.client.ask(api.instance.get, { uuid })).instance.state).toBe('running');
  link.mend();
  await cloud.until(uuid, ({ state }) => state === 'stopped');
});

it('a deletion is accepted all the same, and done when the host hears of it', { timeout: 20_000 }, async () => {
  link.cut();
  await cloud.client.ask(api.instance.delete, { uuid });
  link.mend();
  await cloud.until(uuid, ({ state }) => state === 'deleted');
});
