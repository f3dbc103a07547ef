/** A failure story: the link to the hypervisor is lost for a while. */
import { expect, it } from 'vitest';
import type { Failure } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import { eventually } from '../support/test-cloud.ts';
import { startRecoveryCloud } from './support.ts';

it('the host says so, and takes no new instance until it is back', async () => {
  const { cloud, hypervisor } = await startRecoveryCloud();
  const shown = async () => (await cloud.client.ask(api.host.get, { host: 'host1' })).host;
  hypervisor.loseConnection('somebody restarts it');
  await eventually(async () => (await shown()).hypervisorState === 'away' || undefined);
  expect(await shown()).toMatchObject({ hypervisorReason: 'somebody restarts it', isAlive: true });
  const { uuid } = await cloud.create();
  hypervisor.restoreConnection();
  // It has waited for a host that can be used.
  await cloud.until(uuid, ({ state }) => state === 'running');
  await eventually(async () => (await shown()).hypervisorState === 'up' || undefined);
  expect((await shown()).hypervisorReason).toBeUndefined();
  const second = await cloud.create();
  await cloud.until(second.uuid, ({ state }) => state === 'running');
});

it('a launch that has come to the host all the same waits for it', async () => {
  const { cloud, hypervisor } = await startRecoveryCloud();
  const letGo = hypervisor.hang('powerState');
  const { uuid } = await cloud.create();
  await cloud.until(uuid, ({ state }) => state === 'building.checking');
  hypervisor.loseConnection();
  letGo();
  await eventually(async () => {
    const { host } = await cloud.client.ask(api.host.get, { host: 'host1' });
    return host.hypervisorState === 'away' || undefined;
  });
  hypervisor.restoreConnection();
  expect(await cloud.until(uuid, ({ state }) => state === 'running')).toMatchObject({ attempt: 1 });
});

it('what could not be given back meanwhile is given back then, and the launch goes on elsewhere', async () => {
  const { cloud, hypervisor } = await startRecoveryCloud();
  const broken: Failure = { code: 'hypervisor_error', message: 'the emulator is broken', disposition: 'reschedule' };
  const silent: Failure = { code: 'timeout', message: 'no answer', disposition: 'abort' };
  hypervisor.failNext('createDomain', broken);
  hypervisor.failNext('destroyDomain', silent);
  const { uuid } = await cloud.create();
  const { fault } = await cloud.until(uuid, ({ state }) => state === 'failed.releasing');
  expect(fault).toMatchObject({ step: 'releasing', code: 'timeout', cause: { message: broken.message } });
  await cloud.addHost({ name: 'host2' });
  hypervisor.loseConnection();
  hypervisor.restoreConnection();
  expect(await cloud.until(uuid, ({ state }) => state === 'running')).toMatchObject({ host: 'host2', attempt: 2 });
  expect(hypervisor.leftovers()).toEqual({ domains: [], filters: [], disks: [], earlierDisks: [] });
});
