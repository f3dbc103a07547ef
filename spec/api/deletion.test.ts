import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import type { StepName } from '../../actors/simulated/step-script.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { networkCalls, schedulerCasts } from '../../transport/messages/internal.ts';
import { nameOf, subjects } from '../../transport/nats/subjects.ts';
import { addDownZone } from '../support/down-zone.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { expectNothingLeft } from './support.ts';

let cloud: TestCloud;
let hypervisor: SimulatedHypervisor;
beforeEach(async () => {
  cloud = await startTestCloud();
  const [first] = cloud.hypervisors.values();
  if (!first) throw new Error('the cloud has no host');
  hypervisor = first;
});
afterEach(() => cloud.stop());

/** With a payload, so that there is something of every kind to leave behind. */
const create = () => cloud.create({ adminPassword: 'secret' });
const remove = (uuid: string) => cloud.client.ask(api.instance.delete, { uuid });
const isDeleted = ({ state }: InstanceView) => state === 'deleted';

async function usedOfHost() {
  const { hosts } = await cloud.client.ask(api.host.list, { service: 'enabled', availabilityZone: 'nova' });
  return hosts.map(({ used, instances }) => ({ ...used, instances }));
}

async function expectDeleted(uuid: string): Promise<void> {
  expect(await cloud.until(uuid, isDeleted)).toMatchObject({ vmState: 'deleted', powerState: 'nostate', ports: [] });
  await expectNothingLeft(cloud, uuid);
  await eventually(async () => ((await usedOfHost())[0]?.instances === 0 ? true : undefined));
  expect(await usedOfHost()).toEqual([{ vcpus: 0, memoryMb: 0, diskGb: 0, instances: 0 }]);
  // And nothing comes back to life.
  const again = await create();
  await cloud.until(again.uuid, ({ state }) => state === 'running');
  await expectNothingLeft(cloud, uuid);
}

describe('a delete', () => {
  it.each([
    ['powerState', 'building.checking'],
    ['prepareFilter', 'spawning.preparingFilter'],
    ['createDisks', 'spawning.creatingDisks'],
    ['createDomain', 'spawning.creatingDomain'],
    ['enableHairpin', 'spawning.enablingHairpin'],
    ['applyFilter', 'spawning.applyingFilter'],
    ['waitForBoot', 'spawning.waitingForBoot'],
  ] as [StepName, string][])('interrupts %s, and leaves nothing', async (step, state) => {
    const letGo = hypervisor.hang(step);
    const { uuid } = await create();
    await cloud.until(uuid, (instance) => instance.state === state || instance.state.split('.')[0] === 'spawning');
    await remove(uuid);
    letGo();
    await expectDeleted(uuid);
  });

  it('interrupts networking, and leaves nothing, also when the address comes afterwards', async () => {
    // Answers nothing for a while, as a network controller under load: it is the host that waits.
    const { bus } = cloud.runtime;
    const held: (() => void)[] = [];
    const { request } = bus;
    bus.request = async (subject, ...rest) => {
      if (nameOf(subject) === networkCalls.allocateForInstance.name)
        await new Promise<void>((resolve) => held.push(resolve));
      return request(subject, ...rest);
    };
    const { uuid } = await create();
    await cloud.until(uuid, ({ state }) => state === 'networking');
    await remove(uuid);
    bus.request = request;
    for (const letGo of held) letGo();
    await expectDeleted(uuid);
  });

  it('is applied once the power command under way has let go', async () => {
    const { uuid } = await create();
    await cloud.until(uuid, ({ state }) => state === 'running');
    const letGo = hypervisor.hang('pause');
    await cloud.client.ask(api.instance.pause, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'pausing');
    await remove(uuid);
    letGo();
    await expectDeleted(uuid);
  });

  it('of an instance that is deleted is a conflict that says so, and so is every other command', async () => {
    const { uuid } = await create();
    await cloud.until(uuid, ({ state }) => state === 'running');
    await remove(uuid);
    await cloud.until(uuid, isDeleted);
    for (const verb of ['delete', 'start', 'stop', 'pause', 'reboot'] as const) {
      await expect(cloud.client.ask(api.instance[verb], { uuid })).rejects.toMatchObject({
        failure: { code: 'conflict', details: { state: 'deleted' } },
      });
    }
    await expectNothingLeft(cloud, uuid);
  });

  it('while the first one is under way is accepted, and changes nothing', async () => {
    const { uuid } = await create();
    await cloud.until(uuid, ({ state }) => state === 'running');
    const letGo = hypervisor.hang('destroyDomain');
    await remove(uuid);
    for (const again of [remove(uuid), remove(uuid)]) expect((await again).instance.taskState).toBe('deleting');
    letGo();
    await expectDeleted(uuid);
  });

  it.each(['createDisks', 'waitForBoot'] as StepName[])('of one that failed in %s leaves nothing', async (step) => {
    hypervisor.failNext(step, { code: 'hypervisor_error', message: 'broke', disposition: 'abort' });
    const { uuid } = await create();
    await cloud.until(uuid, ({ state }) => state === 'failed.spawning');
    await remove(uuid);
    await expectDeleted(uuid);
  });

  it('of one for which there is no host leaves nothing, not even its secrets', async () => {
    await addDownZone(cloud.runtime, 'down');
    const { uuid } = await cloud.create({ adminPassword: 'secret', availabilityZone: 'down' });
    await cloud.until(uuid, ({ state }) => state === 'failed.scheduling');
    await remove(uuid);
    await expectDeleted(uuid);
  });

  it('tries again what could not be given back', async () => {
    const { uuid } = await create();
    await cloud.until(uuid, ({ state }) => state === 'running');
    hypervisor.failNext('removeDisks', { code: 'hypervisor_error', message: 'busy', disposition: 'abort' });
    await remove(uuid);
    await cloud.until(uuid, ({ state }) => state === 'failed.releasing');
    await remove(uuid);
    await expectDeleted(uuid);
  });
});

describe('a delete before the scheduler has heard of the instance', () => {
  it('ends it at once, and the scheduler then leaves it alone', async () => {
    const { bus } = cloud.runtime;
    const { request } = bus;
    const held: (() => void)[] = [];
    bus.request = async (subject, ...rest) => {
      if (subject === subjects.schedulerCast(schedulerCasts.runInstance.name))
        await new Promise<void>((resolve) => held.push(resolve));
      return request(subject, ...rest);
    };
    const { uuid, state } = await create();
    expect(state).toBe('scheduling');
    await remove(uuid);
    await cloud.until(uuid, isDeleted);
    bus.request = request;
    for (const letGo of held) letGo();
    await expectDeleted(uuid);
    expect((await cloud.client.ask(api.instance.get, { uuid })).instance.host).toBeUndefined();
  });
});
