/** A state store that fills up: nothing new is taken while all else still can be written, until there is room again. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import type { AlarmFact } from '../../transport/messages/internal.ts';
import { startTestNats } from '../support/nats.ts';
import { openStore } from '../support/open-store.ts';
import { eventually, imageName, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { failureOf } from '../transport/support.ts';

const mib = 1024 ** 2;
const storeBytes = 128 * mib;

/** As an operator limits a store whose server several clouds share. */
const ofLimitedAccount = {
  extraConfig: `
    accounts { CLOUD { jetstream: { max_store: ${storeBytes} }, users: [ { user: cloud, password: cloud } ] } }
    no_auth_user: cloud`,
};

async function fill(cloud: TestCloud, bytes: number): Promise<() => Promise<unknown>> {
  const { manager, jetstream } = cloud.runtime.bus.nats;
  await manager.streams.add({ name: 'FILLER', subjects: ['filler'] });
  const piece = new Uint8Array(mib / 2);
  for (let left = bytes; left > 0; left -= piece.length) await jetstream.publish('filler', piece);
  return () => manager.streams.delete('FILLER');
}

describe.each([
  ['that its server limits', ofLimitedAccount, undefined],
  ['whose size an operator has told', { maxStore: storeBytes }, storeBytes],
])('a store %s', (_, server, told) => {
  let cloud: TestCloud;
  beforeAll(async () => {
    cloud = await startTestCloud({
      nats: server,
      ...(told !== undefined && { controller: { storeRoom: { bytes: told } }, store: { bytes: told } }),
    });
  });
  afterAll(() => cloud.stop());

  it('takes no launches when it is full, says so, lets go what is deleted, and takes launches again', async () => {
    const { client } = cloud;
    const alarms: AlarmFact[] = [];
    onTestFinished(client.followAlarms((alarm) => alarms.push(alarm)));
    const { uuid } = await cloud.create();
    await cloud.until(uuid, ({ state }) => state === 'running');

    const makeRoom = await fill(cloud, 0.68 * storeBytes);
    const create = () => client.ask(api.instance.create, { name: 'late', image: imageName, flavor: 'm1.micro' });
    const disk = { sha256: 'a'.repeat(64), size: mib };
    const register = () => client.ask(api.image.create, { name: 'large', diskFormat: 'raw', disk });
    // For a moment it is gone by how much there was before.
    expect(await eventually(() => failureOf(register()).catch(() => undefined))).toMatchObject({ code: 'unavailable' });
    expect(await failureOf(create())).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('the state store is full'),
    });
    await eventually(() => (alarms.length > 0 ? true : undefined));
    expect(alarms).toMatchObject([{ kind: 'store-full' }]);
    // Nothing of what was refused is there.
    const { quota } = await client.ask(api.quota.get, {});
    expect(quota.instances.used).toBe(1);

    await client.ask(api.instance.stop, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'stopped');
    await client.ask(api.instance.delete, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'deleted');

    await makeRoom();
    const { instances } = await eventually(() => create().catch(() => undefined));
    await cloud.until(instances[0]?.uuid ?? '', ({ state }) => state === 'running');
  }, 60_000);

  it('refuses an image that is too large for the room that there is, and takes launches all the same', async () => {
    const disk = { sha256: 'b'.repeat(64), size: 2 * storeBytes };
    const asked = cloud.client.ask(api.image.create, { name: 'large', diskFormat: 'raw', disk });
    expect(await failureOf(asked)).toMatchObject({ code: 'unavailable' });
    const { uuid } = await cloud.create();
    await cloud.until(uuid, ({ state }) => state === 'running');
  });
});

it('is told as what it is when it takes nothing at all any more', async () => {
  const cloud = await startTestCloud({ nats: ofLimitedAccount });
  onTestFinished(() => cloud.stop());
  const { manager, jetstream } = cloud.runtime.bus.nats;
  await manager.streams.add({ name: 'FILLER', subjects: ['filler'] });
  const publishing = (async () => {
    for (;;) await jetstream.publish('filler', new Uint8Array(mib / 2));
  })();
  await expect(publishing).rejects.toThrow('resource limits exceeded');
  const payloads = await cloud.runtime.store.bucket('payload');
  const large = payloads.put('large', { userData: 'x'.repeat(0.75 * mib) });
  expect(await failureOf(large)).toMatchObject({
    code: 'unavailable',
    disposition: 'retry',
    message: expect.stringContaining('the state store is full'),
  });
}, 60_000);

it('has its facts limited to a part of it, and kept as long as is set, also when they were kept otherwise', async () => {
  const nats = await startTestNats({ maxStore: storeBytes });
  onTestFinished(() => nats.stop());
  const factsOf = async (settings: Parameters<typeof openStore>[1]) => {
    const bus = await openStore(nats.url, settings);
    onTestFinished(() => bus.close());
    const { config } = await bus.nats.manager.streams.info('CLOUD_FACTS');
    return { days: config.max_age / 1e6 / 24 / 3600 / 1000, bytes: config.max_bytes };
  };
  expect(await factsOf({ bytes: storeBytes })).toEqual({ days: 7, bytes: storeBytes / 4 });
  expect(await factsOf({ bytes: storeBytes, factDays: 2 })).toEqual({ days: 2, bytes: storeBytes / 4 });
  // Whoever is told nothing leaves it as it is.
  expect(await factsOf({})).toEqual({ days: 2, bytes: storeBytes / 4 });
  await expect(factsOf({ replicas: 3 })).rejects.toThrow('it is no member of a cluster');
});
