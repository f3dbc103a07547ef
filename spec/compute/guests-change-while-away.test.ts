/** A failure story: guests come to do something else while the process of their host is away, or the machine is booted. */
import { expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { startRecoveryCloud } from './support.ts';

it('the record of each follows what its guest does, and a fact says why', async () => {
  const { cloud, hypervisor, launch, startHost, stopHost, instanceFacts, told } = await startRecoveryCloud();
  const [same, off, crashed, gone] = await Promise.all([launch(), launch(), launch(), launch()]);
  await stopHost();
  hypervisor.shutDownGuest(off);
  hypervisor.crashGuest(crashed);
  hypervisor.loseGuest(gone);
  await startHost();

  expect(await cloud.until(off, ({ state }) => state === 'stopped')).toMatchObject({ powerState: 'shutdown' });
  for (const uuid of [crashed, gone]) {
    const { fault } = await cloud.until(uuid, ({ state }) => state === 'failed.powering');
    expect(fault).toMatchObject({ code: 'domain_lost', step: 'powering' });
  }
  const back = 'when the compute host came back';
  await told(instanceFacts, {
    uuid: off,
    to: 'stopped',
    reason: `found off ${back}: the guest shut itself down`,
  });
  await told(instanceFacts, {
    uuid: crashed,
    to: 'failed.powering',
    reason: `found crashed ${back}: the guest crashed`,
  });
  await told(instanceFacts, { uuid: gone, to: 'failed.powering', reason: `found gone ${back}` });
  const { instance } = await cloud.client.ask(api.instance.get, { uuid: same });
  expect(instance).toMatchObject({ state: 'running' });
  expect(instanceFacts.filter(({ uuid, reason }) => uuid === same && reason !== undefined)).toEqual([]);

  // What is asked for afterwards has no such reason.
  await cloud.client.ask(api.instance.start, { uuid: off });
  const started = await told(instanceFacts, { uuid: off, from: 'starting', to: 'running' });
  expect(started.reason).toBeUndefined();
});

it('guests that a boot of the machine has switched off stay off', async () => {
  const { cloud, hypervisor, launch, startHost, stopHost, instanceFacts, told } = await startRecoveryCloud();
  const uuid = await launch();
  await stopHost();
  hypervisor.rebootMachine();
  await startHost();
  await cloud.until(uuid, ({ state }) => state === 'stopped');
  await told(instanceFacts, { uuid, to: 'stopped', reason: 'found off after the machine was booted' });
});

it('guests that a boot of the machine has switched off are started, when that is wanted, with their filters', async () => {
  const { cloud, hypervisor, launch, startHost, stopHost, instanceFacts, told } = await startRecoveryCloud({
    rebootedGuests: 'start',
  });
  const [ran, stopped] = await Promise.all([launch(), launch()]);
  await cloud.client.ask(api.instance.stop, { uuid: stopped });
  await cloud.until(stopped, ({ state }) => state === 'stopped');
  await stopHost();
  hypervisor.rebootMachine();
  await startHost();
  await told(instanceFacts, { uuid: ran, from: 'running', to: 'starting' });
  const again = await told(instanceFacts, { uuid: ran, from: 'starting', to: 'running' });
  expect(again.reason).toBe('found off after the machine was booted');
  expect(await hypervisor.powerState(ran)).toBe('running');
  expect(hypervisor.leftovers().filters).toContain(ran);
  // Its client has switched it off, and so it stays.
  expect(await hypervisor.powerState(stopped)).toBe('shutdown');

  // One that is switched off later, without a boot, is left as it is.
  await stopHost();
  hypervisor.shutDownGuest(ran);
  await startHost();
  await cloud.until(ran, ({ state }) => state === 'stopped');
});

it('a guest without a domain is made again from its disks, when that is wanted; without disks it fails', async () => {
  const { cloud, hypervisor, launch, startHost, stopHost, instanceFacts, told } = await startRecoveryCloud({
    lostGuests: 'restart',
  });
  const [lost, empty] = await Promise.all([launch(), launch()]);
  const { signal } = new AbortController();
  await stopHost();
  for (const uuid of [lost, empty]) hypervisor.loseGuest(uuid);
  await hypervisor.removeDisks(empty, signal);
  await startHost();
  await told(instanceFacts, { uuid: lost, to: 'running', reason: 'found gone when the compute host came back' });
  expect(await hypervisor.powerState(lost)).toBe('running');
  const { fault } = await cloud.until(empty, ({ state }) => state === 'failed.powering');
  expect(fault).toMatchObject({ code: 'domain_lost', cause: { message: expect.stringContaining('has no disk') } });

  // Also behind the back of a process that runs.
  hypervisor.loseGuest(lost);
  await told(instanceFacts, {
    uuid: lost,
    from: 'running',
    to: 'starting',
    reason: 'its domain was removed on its host',
  });
  await cloud.until(lost, ({ state }) => state === 'running');
});
