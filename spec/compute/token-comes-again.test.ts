/** A failure story: the store has lost an instance, its guest runs on, and its client asks for it with the same client token. */
import { expect, it, onTestFinished } from 'vitest';
import { LostGuests } from '../../actors/controller/lost-guests.ts';
import { guestSpec } from '../libvirt/guests.ts';
import { eventually } from '../support/test-cloud.ts';
import { startRecoveryCloud } from './support.ts';

const asked = { clientToken: 'once' };
const { signal } = new AbortController();

async function startWithLostRecord(unknownGuests: 'leave' | 'report' = 'report', others = 0) {
  const recovery = await startRecoveryCloud({ unknownGuests });
  const { cloud, hypervisor, stopHost } = recovery;
  for (let count = 0; count < others; count++) await hypervisor.createDisks(guestSpec(), signal);
  const { uuid } = await cloud.create(asked);
  await cloud.until(uuid, ({ state }) => state === 'running');
  await stopHost();
  await (await cloud.runtime.store.bucket('instance')).remove(uuid);
  const refused = () =>
    expect(cloud.create(asked)).rejects.toMatchObject({
      failure: { code: 'conflict', details: { field: '/clientToken', uuid, host: 'host1' } },
    });
  return { ...recovery, uuid, refused };
}

it.each([
  ['also when unknown guests are not told of', 'leave', 0],
  ['also when more guests are unknown than are shown', 'report', 100],
] as const)('is refused %s', async (_, unknownGuests, others) => {
  const { startHost, refused } = await startWithLostRecord(unknownGuests, others);
  await startHost();
  await refused();
});

it('is refused also while the host begins anew, and has not looked yet', async () => {
  const { cloud, hypervisor, startHost, stopHost, refused } = await startWithLostRecord();
  await startHost();
  await stopHost();
  const goOn = hypervisor.hang('listGuests');
  const hosts = await cloud.runtime.store.view('host');
  const starting = startHost();
  await eventually(() => hosts.get('host1')?.hypervisorState === 'reconciling' || undefined);
  await refused();
  goOn();
  await starting;
});

it('is not taken as long as the host has compared with the records of an earlier server only', async () => {
  const { cloud, hypervisor, startHost, uuid } = await startWithLostRecord();
  const host = await (await cloud.runtime.store.bucket('host')).get('host1');
  if (!host) throw new Error('there is no host');
  await cloud.write('host', 'host1', { ...host.value, comparedWith: 'an earlier one' });
  // As a controller that has begun since.
  const lostGuests = await LostGuests.open(await cloud.connect());
  onTestFinished(() => lostGuests.end());
  await expect(lostGuests.refuse([uuid])).rejects.toMatchObject({ failure: { code: 'unavailable' } });
  await startHost();
  await expect(lostGuests.refuse([uuid])).rejects.toMatchObject({ failure: { code: 'conflict' } });
  expect(await hypervisor.powerState(uuid)).toBe('running');
});
