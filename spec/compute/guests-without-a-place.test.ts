/** A failure story: a host comes back and holds guests of instances that are elsewhere by now, deleted, or nobody's. */
import { expect, it } from 'vitest';
import type { GuestSpec } from '../../actors/hypervisor/hypervisor.ts';
import type { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { api } from '../../transport/messages/api.ts';
import { guestSpec } from '../libvirt/guests.ts';
import { HeldClock } from '../support/held-clock.ts';
import { eventually } from '../support/test-cloud.ts';
import { type RecoveryCloud, startRecoveryCloud } from './support.ts';

const { signal } = new AbortController();

async function make(hypervisor: SimulatedHypervisor, changes: Partial<GuestSpec> = {}): Promise<string> {
  const guest = guestSpec(changes);
  await hypervisor.prepareFilter(guest, signal);
  await hypervisor.createDisks(guest, signal);
  await hypervisor.createDomain(guest, signal);
  return guest.uuid;
}

/** Nothing of it is left: neither domain nor filter nor disks. */
function holds(hypervisor: SimulatedHypervisor, uuid: string): string[] {
  return Object.entries(hypervisor.leftovers()).flatMap(([what, uuids]) => (uuids.includes(uuid) ? [what] : []));
}

/** As if it had been moved while its host was away. */
async function moveAway({ cloud }: RecoveryCloud, uuid: string): Promise<void> {
  const bucket = await cloud.runtime.store.bucket('instance');
  const stored = await bucket.get(uuid);
  if (!stored) throw new Error('there is no record');
  const { chart } = stored.value;
  const moved = { ...chart, context: { ...chart.context, host: 'host2', attempt: 2 } };
  await cloud.write('instance', uuid, { ...stored.value, owner: { host: 'host2' }, chart: moved });
}

it('stale copies are destroyed, with all that they hold, before the host can be used', async () => {
  const recovery = await startRecoveryCloud();
  const { cloud, hypervisor, launch, startHost, stopHost, hostFacts, told } = recovery;
  const [moved, deleted, kept] = await Promise.all([launch(), launch(), launch()]);
  await cloud.client.ask(api.instance.delete, { uuid: deleted });
  await cloud.until(deleted, ({ state }) => state === 'deleted');
  await stopHost();
  await moveAway(recovery, moved);
  await make(hypervisor, { uuid: deleted });
  const letGo = hypervisor.hang('removeDisks');
  const starting = startHost();
  await eventually(() => holds(hypervisor, moved).join() === 'disks' || undefined);
  const { host } = await cloud.client.ask(api.host.get, { host: 'host1' });
  expect(host.hypervisorState).toBe('reconciling');
  letGo();
  await starting;
  expect([holds(hypervisor, moved), holds(hypervisor, deleted)]).toEqual([[], []]);
  expect(holds(hypervisor, kept)).toEqual(['domains', 'filters', 'disks']);
  await told(hostFacts, { type: 'guest.destroyed', uuid: moved, reason: 'the instance is on host host2 now' });
  await told(hostFacts, { type: 'guest.destroyed', uuid: deleted, reason: 'the instance is deleted' });
  // And nobody has touched the record of the one that was moved.
  expect((await cloud.client.ask(api.instance.get, { uuid: moved })).instance).toMatchObject({
    state: 'running',
    host: 'host2',
  });
});

it('stale copies keep a host from being used until they are destroyed, and it says why', async () => {
  const recovery = await startRecoveryCloud();
  const { cloud, hypervisor, launch, startHost, stopHost } = recovery;
  const uuid = await launch();
  await stopHost();
  await moveAway(recovery, uuid);
  hypervisor.failAlways('destroyDomain', {
    code: 'hypervisor_error',
    message: 'the guest does not let go',
    disposition: 'reschedule',
  });
  const starting = startHost();
  await eventually(async () => {
    const { host } = await cloud.client.ask(api.host.get, { host: 'host1' });
    return host.hypervisorReason === 'the guest does not let go' || undefined;
  });
  hypervisor.heal('destroyDomain');
  await starting;
  expect(holds(hypervisor, uuid)).toEqual([]);
});

it('what is left of a launch without a domain is found too', async () => {
  const { cloud, hypervisor, launch, startHost, stopHost } = await startRecoveryCloud();
  const uuid = await launch();
  await cloud.client.ask(api.instance.delete, { uuid });
  await cloud.until(uuid, ({ state }) => state === 'deleted');
  await stopHost();
  const guest = guestSpec({ uuid });
  await hypervisor.prepareFilter(guest, signal);
  await hypervisor.createDisks(guest, signal);
  await startHost();
  expect(holds(hypervisor, uuid)).toEqual([]);
});

it('a process that lives lets go of an instance that was moved, and destroys its copy, when the link is back', async () => {
  const recovery = await startRecoveryCloud();
  const { cloud, hypervisor, launch } = recovery;
  const uuid = await launch();
  hypervisor.loseConnection();
  await moveAway(recovery, uuid);
  hypervisor.restoreConnection();
  await eventually(() => holds(hypervisor, uuid).length === 0 || undefined);
  expect((await cloud.client.ask(api.instance.get, { uuid })).instance).toMatchObject({
    state: 'running',
    host: 'host2',
  });
  const { host } = await cloud.client.ask(api.host.get, { host: 'host1' });
  expect(host.used.memoryMb).toBe(0);
});

it('guests of which there is no record are reported, once, and left alone', async () => {
  const { cloud, hypervisor, startHost, stopHost, hostFacts, told } = await startRecoveryCloud();
  await stopHost();
  const uuid = await make(hypervisor);
  await startHost();
  await told(hostFacts, { type: 'guest.unknown', uuid, reason: 'there is no record of it' });
  expect(await hypervisor.powerState(uuid)).toBe('running');
  const shown = async () => (await cloud.client.ask(api.host.get, { host: 'host1' })).host;
  await eventually(async () => (await shown()).unknownGuests?.includes(uuid) || undefined);
  hypervisor.loseConnection();
  hypervisor.restoreConnection();
  await eventually(async () => (await shown()).hypervisorState === 'up' || undefined);
  expect(hostFacts.filter(({ type }) => type === 'guest.unknown')).toHaveLength(1);
});

it('guests of which there is no record are destroyed when that is wanted', async () => {
  const { hypervisor, startHost, stopHost, hostFacts, told } = await startRecoveryCloud({ unknownGuests: 'destroy' });
  await stopHost();
  const uuid = await make(hypervisor);
  await startHost();
  expect(holds(hypervisor, uuid)).toEqual([]);
  await told(hostFacts, { type: 'guest.destroyed', uuid, reason: 'there is no record of it' });
});

it('guests of which there is no record are not told of when that is wanted', async () => {
  const { cloud, hypervisor, startHost, stopHost, hostFacts } = await startRecoveryCloud({ unknownGuests: 'leave' });
  await stopHost();
  const uuid = await make(hypervisor);
  await startHost();
  expect(await hypervisor.powerState(uuid)).toBe('running');
  expect((await cloud.client.ask(api.host.get, { host: 'host1' })).host.unknownGuests).toBeUndefined();
  expect(hostFacts.filter(({ type }) => type.startsWith('guest.'))).toEqual([]);
});

it('a guest whose record is lost keeps the client token that it was made with until it is gone', async () => {
  const clock = new HeldClock();
  const { cloud, hypervisor, startHost, stopHost } = await startRecoveryCloud({}, clock);
  const asked = { clientToken: 'once' };
  const { uuid } = await cloud.create(asked);
  await cloud.until(uuid, ({ state }) => state === 'running');
  await stopHost();
  await (await cloud.runtime.store.bucket('instance')).remove(uuid);
  await startHost();
  await cloud.addHost({ name: 'host2' });
  await expect(cloud.create(asked)).rejects.toMatchObject({
    failure: { code: 'conflict', details: { field: '/clientToken', uuid, host: 'host1' } },
  });
  expect((await cloud.create({ clientToken: 'another' })).uuid).not.toBe(uuid);
  expect(await hypervisor.powerState(uuid)).toBe('running');

  await hypervisor.destroyDomain(uuid, signal);
  await hypervisor.removeFilter(uuid, signal);
  await hypervisor.removeDisks(uuid, signal);
  const again = await eventually(() => {
    clock.endWaits();
    return cloud.create(asked).catch(() => undefined);
  });
  expect(again.uuid).toBe(uuid);
});

it('a guest whose record comes back elsewhere, or here, is looked at again', async () => {
  const clock = new HeldClock();
  const recovery = await startRecoveryCloud({}, clock);
  const { cloud, hypervisor, launch, startHost, stopHost } = recovery;
  const [here, elsewhere] = [await launch(), await launch()];
  const bucket = await cloud.runtime.store.bucket('instance');
  await moveAway(recovery, elsewhere);
  await stopHost();
  const kept = await Promise.all([here, elsewhere].map((uuid) => bucket.get(uuid)));
  for (const uuid of [here, elsewhere]) await bucket.remove(uuid);
  await startHost();
  const shown = async () => (await cloud.client.ask(api.host.get, { host: 'host1' })).host;
  await eventually(async () => (await shown()).unknownGuests?.length === 2 || undefined);
  for (const entry of kept) if (entry) await cloud.write('instance', entry.key, entry.value);
  await eventually(() => {
    clock.endWaits();
    return holds(hypervisor, elsewhere).length === 0 || undefined;
  });
  expect(holds(hypervisor, here)).toEqual(['domains', 'filters', 'disks']);
  await eventually(async () => (await shown()).unknownGuests === undefined || undefined);
  await cloud.client.ask(api.instance.stop, { uuid: here });
  await cloud.until(here, ({ state }) => state === 'stopped');
});
