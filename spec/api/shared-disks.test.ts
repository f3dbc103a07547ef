/** A failure story: a host dies whose disks are on storage that it shares with others. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SimulatedDisks } from '../../actors/simulated/simulated-disks.ts';
import { api } from '../../transport/messages/api.ts';
import type { NatsLink } from '../support/nats-link.ts';
import { eventually, quickPulse, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

const nfs = { name: 'nfs', disks: new SimulatedDisks() };
let cloud: TestCloud;
let link: NatsLink;

const uuids: Record<string, string> = {};
beforeAll(async () => {
  cloud = await startTestCloud({ hosts: [], pulse: quickPulse });
  link = await cloud.addDistantHost({ name: 'lost', sharedDisks: nfs });
  for (const name of ['kept', 'one-of-all', 'made-anew', 'deleted-there', 'deleted-here']) {
    const { uuid } = await cloud.create({ name });
    await cloud.until(uuid, ({ state }) => state === 'running');
    uuids[name] = uuid;
  }
  link.cut();
  await eventually(async () => (await hostOf('lost')).downSince);
});
afterAll(() => cloud.stop());

const uuidOf = (name: string) => uuids[name] ?? '';
const hostOf = async (host: string) => (await cloud.client.ask(api.host.get, { host })).host;
const bootsOf = (name: string) => nfs.disks.get(uuidOf(name))?.boots;

async function evacuated(name: string, wishes: { host?: string; newDisk?: boolean } = {}) {
  const uuid = uuidOf(name);
  await cloud.client.ask(api.instance.evacuate, { uuid, ...wishes });
  return cloud.until(uuid, ({ state }) => ['running', 'failed.powering'].includes(state));
}

it('is shown with the name of what it shares', async () => {
  expect(await hostOf('lost')).toMatchObject({ sharedDisks: 'nfs' });
});

it('an instance goes to no host that does not share its disk, and the fault says so', async () => {
  await cloud.addHost({ name: 'apart' });
  expect(await evacuated('kept')).toMatchObject({
    state: 'failed.powering',
    host: 'lost',
    fault: { code: 'no_valid_host', message: expect.stringContaining('(SharedDisksFilter)') },
  });
  expect(bootsOf('kept')).toBe(1);
});

it('its disk is never made anew by a host that does not find it, and stays', async () => {
  await cloud.addHost({ name: 'unmounted', sharedDisks: { name: 'nfs', disks: new SimulatedDisks() } });
  expect(await evacuated('kept', { host: 'unmounted' })).toMatchObject({
    state: 'failed.powering',
    host: 'lost',
    tried: [{ host: 'lost' }, { host: 'unmounted', fault: { code: 'disk_lost' } }],
  });
  expect(cloud.hypervisors.get('unmounted')?.leftovers().domains).toEqual([]);
  expect(bootsOf('kept')).toBe(1);
  await cloud.client.ask(api.host.disable, { host: 'unmounted', reason: 'its storage is not mounted' });
});

it('what its guest wrote is still there on another host that shares it', async () => {
  await cloud.addHost({ name: 'beside', sharedDisks: nfs });
  expect(await evacuated('kept')).toMatchObject({ state: 'running', host: 'beside' });
  // The disk counts how often a guest was booted from it.
  expect(bootsOf('kept')).toBe(2);
});

it('it is made anew when that is wanted, also on a host without it', async () => {
  expect(await evacuated('made-anew', { host: 'apart', newDisk: true })).toMatchObject({ host: 'apart' });
  expect(cloud.hypervisors.get('apart')?.leftovers().disks).toEqual([uuidOf('made-anew')]);
});

it('a deletion while its host is down leaves the disk for who shares it', async () => {
  const uuid = uuidOf('deleted-there');
  await cloud.client.ask(api.instance.delete, { uuid });
  await cloud.until(uuid, ({ state }) => state === 'deleted');
  expect(nfs.disks.list()).toContain(uuid);
});

it('all of a host keep their disks, and a deletion on the new host removes the disk', async () => {
  await cloud.client.ask(api.host.evacuate, { host: 'lost' });
  for (const name of ['one-of-all', 'deleted-here']) {
    expect(await cloud.until(uuidOf(name), ({ state }) => state === 'running')).toMatchObject({
      host: 'beside',
    });
    expect(bootsOf(name)).toBe(2);
  }
  await cloud.client.ask(api.instance.delete, { uuid: uuidOf('deleted-here') });
  await cloud.until(uuidOf('deleted-here'), ({ state }) => state === 'deleted');
  expect(nfs.disks.list()).not.toContain(uuidOf('deleted-here'));
});

it('a host that comes back removes its guests, and only those disks that nobody needs', async () => {
  link.mend();
  await eventually(async () => ((await hostOf('lost')).downSince ? undefined : true));
  expect(cloud.hypervisors.get('lost')?.leftovers()).toMatchObject({ domains: [], filters: [] });
  expect(nfs.disks.list().toSorted()).toEqual([uuidOf('kept'), uuidOf('one-of-all')].toSorted());
  expect((await hostOf('lost')).unknownGuests).toBeUndefined();
  for (const name of ['kept', 'one-of-all']) {
    await cloud.client.ask(api.instance.reboot, { uuid: uuidOf(name), how: 'hard' });
    await eventually(() => (bootsOf(name) === 3 ? true : undefined));
  }
});
