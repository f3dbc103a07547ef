/** Rebuilding on a whole cloud: a new disk under the same name, addresses and host. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { registerImage } from '../../actors/images/image-store.ts';
import type { Failure } from '../../machines/failure.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import type { InstancePayload } from '../../transport/messages/records.ts';
import { expectNothingLeft } from '../api/support.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
let otherImage: string;
beforeAll(async () => {
  cloud = await startTestCloud();
  otherImage = (await registerImage(cloud.runtime, { name: 'other', diskFormat: 'none' })).id;
});
afterAll(() => cloud.stop());

const broken: Failure = { code: 'hypervisor_error', message: 'it broke', disposition: 'abort' };

async function running(): Promise<InstanceView> {
  const { uuid } = await cloud.create();
  return cloud.until(uuid, ({ state }) => state === 'running');
}

const instanceRecord = async (uuid: string) => (await (await cloud.runtime.store.bucket('instance')).get(uuid))?.value;

/** What the record says is to be on the guest. */
async function inForce(uuid: string): Promise<InstancePayload | undefined> {
  const payloads = await cloud.runtime.store.bucket('payload');
  return (await payloads.get((await instanceRecord(uuid))?.payload ?? ''))?.value;
}

/** The keys of all that are kept of the instance. */
async function payloadsOf(uuid: string): Promise<string[]> {
  const keys = await (await cloud.runtime.store.bucket('payload')).keys();
  return keys.filter((key) => key.startsWith(uuid));
}

/** Does something after the payload of the next rebuild is stored, and before its instance hears of it. */
async function whileStored(work: () => Promise<void>): Promise<void> {
  const payloads = await cloud.runtime.store.bucket('payload');
  const put = vi.spyOn(payloads, 'put').mockImplementationOnce(async (key, value) => {
    put.mockRestore();
    const revision = await payloads.put(key, value);
    await work();
    return revision;
  });
}

const reach = (uuid: string, state: string) => cloud.until(uuid, (instance) => instance.state === state);

it('makes the disk of a running instance anew, from another image, and keeps everything else', async () => {
  const before = await running();
  const { uuid } = before;
  const { instance } = await cloud.client.ask(api.instance.rebuild, { uuid, image: 'other' });
  expect(instance.taskState).toMatch(/^rebuild/);
  const after = await reach(uuid, 'running');
  expect(after).toEqual({ ...before, imageId: otherImage, updatedAt: after.updatedAt });
  const { output } = await cloud.client.ask(api.instance.consoleLog, { uuid });
  expect(output.split('kilonova-guest: ready')).toHaveLength(2);
});

it('leaves a stopped instance off', async () => {
  const { uuid } = await running();
  await cloud.client.ask(api.instance.stop, { uuid });
  await reach(uuid, 'stopped');
  await cloud.client.ask(api.instance.rebuild, { uuid });
  expect(await cloud.until(uuid, ({ state }) => state === 'stopped')).toMatchObject({ powerState: 'shutdown' });
  await cloud.client.ask(api.instance.start, { uuid });
  await reach(uuid, 'running');
});

it('puts on the guest what is given anew, and keeps the rest; nothing of it is left after a deletion', async () => {
  const { uuid } = await cloud.create({ adminPassword: 'first', userData: 'Zmlyc3Q=' });
  await reach(uuid, 'running');
  await cloud.client.ask(api.instance.rebuild, { uuid, adminPassword: 'second' });
  await reach(uuid, 'running');
  expect(await inForce(uuid)).toEqual({ adminPassword: 'second', userData: 'Zmlyc3Q=' });

  const plain = await running();
  await cloud.client.ask(api.instance.rebuild, { uuid: plain.uuid, adminPassword: 'new' });
  await reach(plain.uuid, 'running');
  for (const each of [uuid, plain.uuid]) {
    await cloud.client.ask(api.instance.delete, { uuid: each });
    await reach(each, 'deleted');
    await expectNothingLeft(cloud, each);
  }
});

it('does not put on a guest what came with a rebuild that was refused, and keeps nothing of it', async () => {
  const { uuid } = await cloud.create({ adminPassword: 'first' });
  await reach(uuid, 'running');
  const goOn = cloud.hypervisors.get('host1')?.hang('removeDisks');
  await whileStored(async () => {
    // Somebody else is faster.
    await cloud.client.ask(api.instance.rebuild, { uuid });
    await reach(uuid, 'rebuilding.removingDisks');
  });
  await expect(cloud.client.ask(api.instance.rebuild, { uuid, adminPassword: 'refused' })).rejects.toMatchObject({
    failure: { code: 'conflict' },
  });
  goOn?.();
  await reach(uuid, 'running');
  expect(await inForce(uuid)).toEqual({ adminPassword: 'first' });
  expect(await payloadsOf(uuid)).toEqual([uuid]);
});

it('leaves no password behind when the instance is deleted while the password is stored', async () => {
  const { uuid } = await running();
  await whileStored(async () => {
    await cloud.client.ask(api.instance.delete, { uuid });
    await reach(uuid, 'deleted');
  });
  await expect(cloud.client.ask(api.instance.rebuild, { uuid, adminPassword: 'late' })).rejects.toMatchObject({
    failure: { code: 'conflict' },
  });
  expect(await payloadsOf(uuid)).toEqual([]);
});

it('fails, and says why, when what is to be put on the guest is gone', async () => {
  const { uuid } = await running();
  const payloads = await cloud.runtime.store.bucket('payload');
  const goOn = cloud.hypervisors.get('host1')?.hang('removeDisks');
  await cloud.client.ask(api.instance.rebuild, { uuid, adminPassword: 'lost' });
  await reach(uuid, 'rebuilding.removingDisks');
  for (const key of await payloadsOf(uuid)) await payloads.remove(key);
  goOn?.();
  const { fault } = await reach(uuid, 'failed.powering');
  expect(fault?.cause).toMatchObject({ message: expect.stringContaining('is gone') });
});

it.each(['destroyDomain', 'removeDisks', 'createDisks', 'defineDomain', 'start'] as const)(
  'says what failed when %s does, and can be asked again',
  async (step) => {
    const { uuid } = await running();
    const hypervisor = cloud.hypervisors.get('host1');
    hypervisor?.failNext(step, broken);
    await cloud.client.ask(api.instance.rebuild, { uuid });
    const rests = await cloud.until(uuid, ({ fault, taskState }) => fault !== undefined && taskState === undefined);
    expect([rests.fault?.message, rests.fault?.cause]).toContainEqual(
      rests.state === 'failed.powering' ? expect.objectContaining({ message: 'it broke' }) : 'it broke',
    );
    if (rests.state === 'stopped') await cloud.client.ask(api.instance.start, { uuid });
    else await cloud.client.ask(api.instance.rebuild, { uuid });
    await cloud.until(uuid, ({ state, fault }) => state === 'running' && fault === undefined);
    await cloud.client.ask(api.instance.delete, { uuid });
    await reach(uuid, 'deleted');
    await expectNothingLeft(cloud, uuid);
  },
);

it('refuses an image that is not there, and an instance that is not there to be rebuilt', async () => {
  const { uuid } = await running();
  await expect(cloud.client.ask(api.instance.rebuild, { uuid, image: 'none' })).rejects.toMatchObject({
    failure: { code: 'not_found', details: { field: '/image' } },
  });
  await cloud.client.ask(api.instance.delete, { uuid });
  await reach(uuid, 'deleted');
  await expect(cloud.client.ask(api.instance.rebuild, { uuid })).rejects.toMatchObject({
    failure: { code: 'conflict' },
  });
});

it('wants another image where that of the instance was deleted', async () => {
  const { id: image } = await registerImage(cloud.runtime, { name: 'gone', diskFormat: 'none' });
  const { uuid } = await cloud.create({ image });
  await reach(uuid, 'running');
  await cloud.client.ask(api.image.delete, { image });
  await expect(cloud.client.ask(api.instance.rebuild, { uuid })).rejects.toMatchObject({
    failure: { code: 'not_found', message: expect.stringContaining('another one has to be named (field /image)') },
  });
});

it('refuses an image for which the flavor has too little, before anything of the guest is lost', async () => {
  const { uuid } = await cloud.create({ flavor: 'm1.tiny' });
  const before = await reach(uuid, 'running');
  for (const [name, needs, needed] of [
    ['deep', { minDiskGb: 2 }, 2],
    ['greedy', { minMemoryMb: 1024 }, 1024],
  ] as const) {
    const { id } = await registerImage(cloud.runtime, { name, diskFormat: 'none' });
    await cloud.client.ask(api.image.update, { image: id, ...needs });
    await expect(cloud.client.ask(api.instance.rebuild, { uuid, image: name })).rejects.toMatchObject({
      failure: { code: 'invalid_request', details: { field: '/image', needed } },
    });
  }
  expect((await cloud.client.ask(api.instance.get, { uuid })).instance).toEqual(before);
});
