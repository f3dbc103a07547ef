import { afterEach, expect, it } from 'vitest';
import { startController } from '../../actors/controller/controller.ts';
import type { Part } from '../../actors/runtime/runtime.ts';
import { api } from '../../transport/messages/api.ts';
import { facts } from '../../transport/messages/internal.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import type { NatsLink } from '../support/nats-link.ts';
import { eventually, quickPulse, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
let link: NatsLink;
let others: Part[] = [];

afterEach(async () => {
  for (const part of others.splice(0)) await part.stop();
  await cloud?.stop();
});

async function startWithLone(): Promise<void> {
  cloud = await startTestCloud({ hosts: [], pulse: quickPulse });
  link = await cloud.addDistantHost({ name: 'lone' });
}

async function held(): Promise<number> {
  const [ports, addresses] = await Promise.all([cloud.runtime.store.view('port'), cloud.runtime.store.view('address')]);
  return ports.size + addresses.size;
}

it('a deletion that is under way ends without the host, which removes what is left when it returns', async () => {
  await startWithLone();
  const { uuid } = await cloud.create();
  await cloud.until(uuid, ({ state }) => state === 'running');
  const goOn = cloud.hypervisors.get('lone')?.hang('destroyDomain');
  await cloud.client.ask(api.instance.delete, { uuid });
  await cloud.until(uuid, ({ state }) => state === 'releasing.destroyingDomain');
  link.cut();
  await cloud.until(uuid, ({ state }) => state === 'deleted');
  await eventually(async () => ((await held()) === 0 ? true : undefined));
  goOn?.();
  link.mend();
  await eventually(() => (cloud.hypervisors.get('lone')?.leftovers().domains.length === 0 ? true : undefined));
});

it('of several controllers one declares the host down, and each of its launches is taken over once', async () => {
  await startWithLone();
  others = await Promise.all([1, 2].map(async () => startController(await cloud.connect())));
  cloud.hypervisors.get('lone')?.hang('createDomain');
  const uuids: string[] = [];
  for (let count = 0; count < 8; count++) uuids.push((await cloud.create()).uuid);
  for (const uuid of uuids) await cloud.until(uuid, ({ state }) => state === 'spawning.creatingDomain');
  await cloud.addHost({ name: 'second' });
  const ofHost: string[] = [];
  const reclaimed: string[] = [];
  cloud.runtime.bus.subscribe(subjects.hostFact('lone'), ({ data }) => {
    ofHost.push(facts.host.body.decode(data).type);
  });
  cloud.runtime.bus.subscribe(subjects.instanceFacts(), ({ data }) => {
    const { type, to, uuid } = facts.instance.body.decode(data);
    if (type === 'transition' && to === 'reclaiming') reclaimed.push(uuid);
  });
  link.cut();
  for (const uuid of uuids) {
    const moved = await cloud.until(uuid, ({ state }) => state === 'running');
    expect(moved).toMatchObject({ host: 'second', attempt: 2 });
  }
  expect(ofHost).toEqual(['down']);
  expect(reclaimed.toSorted()).toEqual(uuids.toSorted());
});
