/** Resizing on a whole cloud: what is held while it is open, and what is left of it, whatever fails. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Failure } from '../../machines/failure.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { expectNothingLeft } from '../api/support.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
beforeEach(async () => {
  cloud = await startTestCloud({ hosts: [{ name: 'host1', capacity: { vcpus: 8, memoryMb: 8192, diskGb: 100 } }] });
});
afterEach(() => cloud.stop());

const broken: Failure = { code: 'hypervisor_error', message: 'it broke', disposition: 'abort' };

async function running(flavor = 'm1.tiny'): Promise<InstanceView> {
  const { uuid } = await cloud.create({ flavor });
  return cloud.until(uuid, ({ state }) => state === 'running');
}

const resize = (uuid: string, flavor: string) => cloud.client.ask(api.instance.resize, { uuid, flavor });

async function reach(uuid: string, state: string): Promise<InstanceView> {
  return cloud.until(uuid, (instance) => instance.state === state);
}

async function usedOnHost() {
  const { hosts } = await cloud.client.ask(api.host.list, {});
  return hosts[0]?.used;
}

const refusal = (asking: Promise<unknown>) =>
  asking.then(
    () => undefined,
    ({ failure }: { failure: Failure }) => failure,
  );

describe('a running instance that is resized', () => {
  it('waits, running, for its resize to be confirmed, and holds both flavors until then', async () => {
    const { uuid } = await running();
    await resize(uuid, 'm1.small');
    const resized = await reach(uuid, 'resized.running');
    expect(resized).toMatchObject({
      vmState: 'resized',
      powerState: 'running',
      flavor: { name: 'm1.small' },
      previousFlavor: { name: 'm1.tiny' },
      commands: ['confirm-resize', 'revert-resize', 'delete'],
    });
    expect(cloud.hypervisors.get('host1')?.leftovers().earlierDisks).toEqual([uuid]);
    await cloud.client.ask(api.instance.confirmResize, { uuid });
    const confirmed = await reach(uuid, 'running');
    expect(confirmed).toMatchObject({ flavor: { name: 'm1.small' }, vmState: 'active' });
    expect(confirmed.previousFlavor).toBeUndefined();
    expect(cloud.hypervisors.get('host1')?.leftovers().earlierDisks).toEqual([]);
    expect(await usedOnHost()).toEqual({ vcpus: 1, memoryMb: 2048, diskGb: 20 });
  });

  it('has its earlier flavor and disk back when the resize is reverted', async () => {
    const { uuid } = await running();
    await resize(uuid, 'm1.small');
    await reach(uuid, 'resized.running');
    expect(await usedOnHost()).toEqual({ vcpus: 1, memoryMb: 2048, diskGb: 20 });
    await cloud.client.ask(api.instance.revertResize, { uuid });
    const reverted = await reach(uuid, 'running');
    expect(reverted).toMatchObject({ flavor: { name: 'm1.tiny' }, vmState: 'active', powerState: 'running' });
    expect(reverted.previousFlavor).toBeUndefined();
    expect(await usedOnHost()).toEqual({ vcpus: 1, memoryMb: 512, diskGb: 1 });
    expect(cloud.hypervisors.get('host1')?.leftovers().earlierDisks).toEqual([]);
  });

  it('holds the greater of both while it is smaller than before, so that it can be reverted', async () => {
    const { uuid } = await running('m1.small');
    await cloud.client.ask(api.flavor.create, { name: 'narrow', vcpus: 1, memoryMb: 256, rootGb: 20 });
    await resize(uuid, 'narrow');
    await reach(uuid, 'resized.running');
    expect(await usedOnHost()).toEqual({ vcpus: 1, memoryMb: 2048, diskGb: 20 });
    await cloud.client.ask(api.instance.confirmResize, { uuid });
    await reach(uuid, 'running');
    expect(await usedOnHost()).toEqual({ vcpus: 1, memoryMb: 256, diskGb: 20 });
  });

  it('leaves nothing behind when it is deleted before it is confirmed', async () => {
    const { uuid } = await running();
    await resize(uuid, 'm1.small');
    await reach(uuid, 'resized.running');
    await cloud.client.ask(api.instance.delete, { uuid });
    await reach(uuid, 'deleted');
    await expectNothingLeft(cloud, uuid);
  });

  it('shows that its guest has gone off while the resize is open', async () => {
    const { uuid } = await running();
    await resize(uuid, 'm1.small');
    await reach(uuid, 'resized.running');
    cloud.hypervisors.get('host1')?.shutDownGuest(uuid);
    expect(await reach(uuid, 'resized.stopped')).toMatchObject({ vmState: 'resized', powerState: 'shutdown' });
    await cloud.client.ask(api.instance.confirmResize, { uuid });
    await reach(uuid, 'stopped');
  });
});

it('resizes a stopped instance without starting it', async () => {
  const { uuid } = await running();
  await cloud.client.ask(api.instance.stop, { uuid });
  await reach(uuid, 'stopped');
  await resize(uuid, 'm1.small');
  expect(await reach(uuid, 'resized.stopped')).toMatchObject({ powerState: 'shutdown' });
  await cloud.client.ask(api.instance.revertResize, { uuid });
  expect(await reach(uuid, 'stopped')).toMatchObject({ flavor: { name: 'm1.tiny' } });
});

describe.each(['stop', 'resizeDisks', 'defineDomain', 'start'] as const)('when %s fails', (step) => {
  it.each(['before', 'after'] as const)('undoes the resize, and says why (%s the work)', async (timing) => {
    const { uuid } = await running();
    const hypervisor = cloud.hypervisors.get('host1');
    hypervisor?.failNext(step, broken, 1, timing);
    await resize(uuid, 'm1.small');
    const undone = await cloud.until(uuid, ({ state, fault }) => state === 'running' && fault !== undefined);
    expect(undone).toMatchObject({ flavor: { name: 'm1.tiny' }, fault: { message: 'it broke', step: 'resizing' } });
    expect(undone.previousFlavor).toBeUndefined();
    expect(hypervisor?.leftovers().earlierDisks).toEqual([]);
    expect(await usedOnHost()).toEqual({ vcpus: 1, memoryMb: 512, diskGb: 1 });
  });
});

it('rests in an error that can be tried again when it cannot be undone', async () => {
  const { uuid } = await running();
  const hypervisor = cloud.hypervisors.get('host1');
  hypervisor?.failNext('resizeDisks', broken);
  hypervisor?.failAlways('restoreDisks', { ...broken, message: 'it is worse' });
  await resize(uuid, 'm1.small');
  const failed = await reach(uuid, 'failed.resizing');
  expect(failed).toMatchObject({
    vmState: 'error',
    fault: { message: 'it is worse', step: 'resizing', cause: { message: 'it broke' } },
    commands: ['revert-resize', 'delete'],
  });
  hypervisor?.heal('restoreDisks');
  await cloud.client.ask(api.instance.revertResize, { uuid });
  expect(await reach(uuid, 'running')).toMatchObject({ flavor: { name: 'm1.tiny' } });
});

it('cannot be undone without a disk, as when the store has lost that the instance was deleted, and is shown so', async () => {
  const { uuid } = await running();
  await resize(uuid, 'm1.small');
  await reach(uuid, 'resized.running');
  await cloud.hypervisors.get('host1')?.removeDisks(uuid, new AbortController().signal);
  await cloud.client.ask(api.instance.revertResize, { uuid });
  expect(await reach(uuid, 'failed.resizing')).toMatchObject({ fault: { code: 'disk_lost', step: 'resizing' } });
});

describe('a resize that cannot be', () => {
  it('is refused with the field: the same flavor, a smaller disk, none', async () => {
    const { uuid } = await running();
    for (const [flavor, code] of [
      ['m1.tiny', 'invalid_request'],
      ['m1.micro', 'invalid_request'],
      ['m9.none', 'not_found'],
    ] as const) {
      expect(await refusal(resize(uuid, flavor))).toMatchObject({ code, details: { field: '/flavor' } });
    }
    const image = (await cloud.client.ask(api.instance.get, { uuid })).instance.imageId;
    const require = (needs: { minDiskGb?: number; minMemoryMb?: number }) =>
      cloud.client.ask(api.image.update, { image, ...needs });
    await require({ minDiskGb: 21 });
    expect(await refusal(resize(uuid, 'm1.small'))).toMatchObject({
      code: 'invalid_request',
      details: { field: '/flavor', needed: 21, given: 20 },
    });
    await require({ minDiskGb: 0, minMemoryMb: 2049 });
    expect(await refusal(resize(uuid, 'm1.small'))).toMatchObject({
      code: 'invalid_request',
      details: { field: '/flavor', needed: 2049, given: 2048 },
    });
    await require({ minMemoryMb: 0 });
    expect((await reach(uuid, 'running')).flavor.name).toBe('m1.tiny');
  });

  it('is refused beyond the quota, and what is open counts', async () => {
    const { uuid } = await running();
    await cloud.client.ask(api.quota.set, { projectId: 'admin', memoryMb: 2559 });
    const other = await running();
    expect(await refusal(resize(uuid, 'm1.small'))).toMatchObject({ code: 'quota_exceeded' });
    await cloud.client.ask(api.instance.delete, { uuid: other.uuid });
    await reach(other.uuid, 'deleted');
    await resize(uuid, 'm1.small');
    await reach(uuid, 'resized.running');
    expect(await refusal(cloud.create({ flavor: 'm1.small' }))).toMatchObject({ code: 'quota_exceeded' });
  });

  it('leaves the instance as it was when its host has no room, and nothing of the quota is taken', async () => {
    const { uuid } = await running();
    await cloud.client.ask(api.quota.set, { projectId: 'admin', memoryMb: 16_384 });
    await resize(uuid, 'm1.xlarge');
    const kept = await cloud.until(uuid, ({ state, fault }) => state === 'running' && fault !== undefined);
    expect(kept).toMatchObject({ flavor: { name: 'm1.tiny' }, fault: { code: 'claim_refused', step: 'resizing' } });
    expect(await usedOnHost()).toEqual({ vcpus: 1, memoryMb: 512, diskGb: 1 });
    const other = await cloud.create({ flavor: 'm1.small' });
    await cloud.client.ask(api.instance.delete, { uuid: other.uuid });
  });
});

it('goes on with a resize when the compute host was ended in the middle', async () => {
  const part = await cloud.addHost({ name: 'host2' });
  const { uuid } = await running('m1.xlarge');
  const hypervisor = cloud.hypervisors.get('host2');
  const goOn = hypervisor?.hang('resizeDisks');
  await cloud.client.ask(api.flavor.create, { name: 'wide', vcpus: 9, memoryMb: 16_384, rootGb: 200 });
  await resize(uuid, 'wide');
  await reach(uuid, 'resizing.resizingDisks');
  await part.stop();
  await cloud.addHost({ name: 'host2' });
  goOn?.();
  expect(await reach(uuid, 'resized.running')).toMatchObject({ host: 'host2', flavor: { name: 'wide' } });
});
