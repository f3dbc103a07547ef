/** A failure story: the domain of an instance that was resized is gone before the resize is confirmed or reverted. */
import { expect, it } from 'vitest';
import type { RecoverySettings } from '../../actors/compute/recovery-settings.ts';
import { api } from '../../transport/messages/api.ts';
import { type RecoveryCloud, startRecoveryCloud } from './support.ts';

interface ResizedCloud extends RecoveryCloud {
  /** An instance whose guest runs with the flavor that it was resized to. */
  resized(): Promise<string>;
}

async function startResizedCloud(lostGuests: RecoverySettings['lostGuests']): Promise<ResizedCloud> {
  const recovery = await startRecoveryCloud({ lostGuests });
  const { cloud, launch } = recovery;
  return {
    ...recovery,
    async resized() {
      const uuid = await launch();
      await cloud.client.ask(api.instance.resize, { uuid, flavor: 'm1.small' });
      await cloud.until(uuid, ({ state }) => state === 'resized.running');
      return uuid;
    },
  };
}

it('it shows the fault, and the resize can still be confirmed or reverted', async () => {
  const { cloud, hypervisor, resized, instanceFacts, told } = await startResizedCloud('fail');
  const [kept, undone] = await Promise.all([resized(), resized()]);
  for (const uuid of [kept, undone]) {
    hypervisor.loseGuest(uuid);
    expect(await cloud.until(uuid, ({ state }) => state === 'resized.lost')).toMatchObject({
      vmState: 'resized',
      powerState: 'nostate',
      fault: { code: 'domain_lost', step: 'powering' },
    });
    await told(instanceFacts, { uuid, to: 'resized.lost', reason: 'its domain was removed on its host' });
  }

  await cloud.client.ask(api.instance.confirmResize, { uuid: kept });
  const { fault } = await cloud.until(kept, ({ state }) => state === 'failed.powering');
  expect(fault).toMatchObject({ code: 'domain_lost' });
  await cloud.client.ask(api.instance.start, { uuid: kept });
  expect(await cloud.until(kept, ({ state }) => state === 'running')).toMatchObject({ flavor: { name: 'm1.small' } });

  await cloud.client.ask(api.instance.revertResize, { uuid: undone });
  const back = await cloud.until(undone, ({ state }) => state === 'running');
  expect(back).toMatchObject({ flavor: { name: 'm1.micro' } });
  expect(back.fault).toBeUndefined();
});

it('it is started again in place when that is wanted, and is still to be confirmed or reverted', async () => {
  const { cloud, hypervisor, resized, startHost, stopHost, instanceFacts, told } = await startResizedCloud('restart');
  const [seen, unseen] = await Promise.all([resized(), resized()]);
  hypervisor.loseGuest(seen);
  await told(instanceFacts, { uuid: seen, from: 'resized.starting', to: 'resized.running' });
  // What happens while no process of the host looks is found out by the next one.
  await stopHost();
  hypervisor.loseGuest(unseen);
  await startHost();
  const reason = 'found gone when the compute host came back';
  await told(instanceFacts, { uuid: unseen, from: 'resized.starting', to: 'resized.running', reason });

  for (const uuid of [seen, unseen]) {
    expect(await hypervisor.powerState(uuid)).toBe('running');
    expect((await cloud.client.ask(api.instance.get, { uuid })).instance).toMatchObject({
      state: 'resized.running',
      previousFlavor: { name: 'm1.micro' },
    });
  }
  await cloud.client.ask(api.instance.confirmResize, { uuid: seen });
  expect(await cloud.until(seen, ({ state }) => state === 'running')).toMatchObject({ flavor: { name: 'm1.small' } });
  await cloud.client.ask(api.instance.revertResize, { uuid: unseen });
  expect(await cloud.until(unseen, ({ state }) => state === 'running')).toMatchObject({ flavor: { name: 'm1.micro' } });
});

it('it shows the fault when it cannot be started again', async () => {
  const { cloud, hypervisor, resized } = await startResizedCloud('restart');
  const uuid = await resized();
  hypervisor.failNext('start', { code: 'hypervisor_error', message: 'it broke', disposition: 'abort' });
  hypervisor.loseGuest(uuid);
  const { fault } = await cloud.until(uuid, ({ state }) => state === 'resized.lost');
  expect(fault).toMatchObject({ code: 'domain_lost', cause: { message: 'it broke', step: 'powering' } });
});
