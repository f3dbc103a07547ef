/** A cloud meets a record that a later release has written: it cannot tell what it means, says so, and does nothing to its guest. */
import { expect, it } from 'vitest';
import { systemChance } from '../../transport/clock.ts';
import { api } from '../../transport/messages/api.ts';
import { moved, placedInstance } from '../support/records.ts';
import type { TestCloud } from '../support/test-cloud.ts';
import { startRecoveryCloud } from './support.ts';

/** As a release has left it whose chart has another state. */
async function writeLater(cloud: TestCloud, uuid: string, value: unknown = { moving: 'copying' }): Promise<void> {
  const entry = await (await cloud.runtime.store.bucket('instance')).get(uuid);
  if (!entry) throw new Error('there is no record');
  const chart = { ...entry.value.chart, version: 2, value };
  await cloud.write('instance', uuid, { ...entry.value, chart });
}

it('leaves the guest alone, and the host is up for all others', { timeout: 60_000 }, async () => {
  const { cloud, hypervisor, launch, startHost, stopHost } = await startRecoveryCloud();
  const [uuid, other] = [await launch(), await launch()];
  await stopHost();
  await writeLater(cloud, uuid);
  // Where there is no guest by what is known here.
  await writeLater(cloud, other, { failed: 'building' });
  await startHost();
  for (const each of [uuid, other]) expect(await hypervisor.powerState(each)).toBe('running');
  expect(hypervisor.leftovers().disks.toSorted()).toEqual([uuid, other].toSorted());
  expect((await cloud.client.ask(api.host.get, { host: 'host1' })).host.hypervisorState).toBe('up');
  expect(await launch()).not.toBe(uuid);
});

it('refuses what is asked of it as a conflict', async () => {
  const { cloud, hypervisor, launch } = await startRecoveryCloud();
  const uuid = await launch();
  await writeLater(cloud, uuid);
  const { client } = cloud;
  for (const ask of [
    () => client.ask(api.instance.delete, { uuid }),
    () => client.ask(api.instance.stop, { uuid }),
    () => client.ask(api.instance.rebuild, { uuid }),
    () => client.ask(api.instance.resize, { uuid, flavor: 'm1.small' }),
  ]) {
    await expect(ask()).rejects.toThrow(`conflict: instance ${uuid} is left alone: its chart has version 2`);
  }
  expect(await hypervisor.powerState(uuid)).toBe('running');
});

it('is not in the way of the others that are evacuated', async () => {
  const { cloud, launch, stopHost } = await startRecoveryCloud();
  const [uuid, other] = [await launch(), await launch()];
  await stopHost();
  await writeLater(cloud, uuid);
  const host = await (await cloud.runtime.store.bucket('host')).get('host1');
  if (!host) throw new Error('there is no host');
  await cloud.write('host', 'host1', { ...host.value, down: { since: host.value.heartbeatAt } });
  await cloud.client.ask(api.host.evacuate, { host: 'host1' });
  await cloud.until(other, ({ state }) => state.startsWith('evacuating'));
  expect((await cloud.client.ask(api.instance.get, { uuid })).instance.host).toBe('host1');
});

it('is not gone on with by a controller, as one that waits beside it is', { timeout: 60_000 }, async () => {
  const { cloud } = await startRecoveryCloud();
  const createdAt = Date.now() - 3_600_000;
  const failure = { code: 'host_down', message: 'it is gone', disposition: 'reschedule' } as const;
  const reclaimed = () =>
    moved(placedInstance(systemChance.uuid(), 'nowhere', { createdAt }), { type: 'host.lost', failure, at: createdAt });
  const [later, known] = [reclaimed(), reclaimed()];
  const revision = await cloud.write('instance', later.uuid, { ...later, chart: { ...later.chart, version: 2 } });
  await cloud.write('instance', known.uuid, known);
  await cloud.until(known.uuid, ({ attempt }) => attempt === 2);
  expect((await (await cloud.runtime.store.bucket('instance')).get(later.uuid))?.revision).toBe(revision);
});
