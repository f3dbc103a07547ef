/** A host meets a record that a later release has written: it cannot tell what it means, and so does nothing to its guest. */
import { expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { startRecoveryCloud } from './support.ts';

it('leaves the guest alone, and the host is up for all others', { timeout: 60_000 }, async () => {
  const { cloud, hypervisor, launch, startHost, stopHost } = await startRecoveryCloud();
  const uuid = await launch();
  await stopHost();
  const entry = await (await cloud.runtime.store.bucket('instance')).get(uuid);
  if (!entry) throw new Error('there is no record');
  const chart = { ...entry.value.chart, version: 2, value: { failed: 'migrating' } };
  await cloud.write('instance', uuid, { ...entry.value, vmState: 'error', chart });
  await startHost();
  expect(await hypervisor.powerState(uuid)).toBe('running');
  expect(hypervisor.leftovers().disks).toEqual([uuid]);
  expect((await cloud.client.ask(api.host.get, { host: 'host1' })).host.hypervisorState).toBe('up');
  expect(await launch()).not.toBe(uuid);
});
