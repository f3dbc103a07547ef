/** A failure story: the store went back to when the launch had not begun, and the guest runs. */
import { expect, it } from 'vitest';
import { stateOf } from '../../actors/instance/stored-chart.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { startRecoveryCloud } from './support.ts';

it('its guest is destroyed, however often that fails, before the instance is begun with', async () => {
  const { cloud, hypervisor, launch, startHost, stopHost, hostFacts, told } = await startRecoveryCloud();
  const instances = await cloud.runtime.store.view('instance');
  let placed: Instance | undefined;
  instances.onChange(({ after }) => {
    if (after && stateOf(after) === 'building.checking') placed ??= after;
  });
  const uuid = await launch();
  await stopHost();
  if (!placed) throw new Error('nobody has seen it placed');
  await cloud.write('instance', uuid, placed);
  hypervisor.failNext(
    'removeFilter',
    { code: 'hypervisor_error', message: 'the filter is in use', disposition: 'abort' },
    2,
  );
  await startHost();
  await told(hostFacts, { type: 'guest.destroyed', uuid, reason: 'the instance is building.checking' });
  await cloud.until(uuid, ({ state }) => state === 'running');
  expect(hypervisor.leftovers()).toEqual({ domains: [uuid], filters: [uuid], disks: [uuid], earlierDisks: [] });
});
