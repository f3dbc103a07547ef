/** Which guests a host takes for its own: what it has made, or left, and nothing of anybody else's. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Firewall } from '../../actors/firewall/firewall.ts';
import { LibvirtHypervisor } from '../../actors/libvirt/libvirt-hypervisor.ts';
import { deadline, guestSpec, openFirewall, PlainDisks, startTestHost } from './guests.ts';

it('has made it, whatever its name, and others on the same libvirt have not', async () => {
  await using host = await startTestHost('test');
  const { hypervisor, disks, daemon } = host;
  const folder = await mkdtemp(join(tmpdir(), 'neighbour-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const neighbour = new LibvirtHypervisor({
    host: 'a host, "of" <another> name',
    uri: daemon.uri,
    disks: new PlainDisks(folder),
    firewall: openFirewall,
    virtType: 'qemu',
  });
  onTestFinished(() => neighbour.close());
  await neighbour.connect();
  const [ours, theirs] = [guestSpec(), guestSpec()];
  await disks.create(ours, deadline());
  await hypervisor.createDomain(ours, deadline());
  await neighbour.createDomain(theirs, deadline());

  const uuidsOf = async (of: LibvirtHypervisor) => (await of.listGuests(deadline())).map(({ uuid }) => uuid);
  expect(await uuidsOf(hypervisor)).toEqual([ours.uuid]);
  expect(await uuidsOf(neighbour)).toEqual([theirs.uuid]);
  // And the driver's own, which nobody has made.
  expect(await hypervisor.client.domains()).toHaveLength(3);
});

it('has left a filter of it, and there is no domain of that uuid; disks are told of apart', async () => {
  await using host = await startTestHost('test');
  const [onDisk, filtered, foreign] = [guestSpec(), guestSpec(), guestSpec()];
  const firewall: Firewall = {
    ...openFirewall,
    listInstanceFilters: async () => [filtered.uuid, foreign.uuid],
  };
  const { disks, daemon } = host;
  const hypervisor = new LibvirtHypervisor({ host: 'host2', uri: daemon.uri, disks, firewall, virtType: 'qemu' });
  onTestFinished(() => hypervisor.close());
  await hypervisor.connect();
  await disks.create(onDisk, deadline());
  // Of another host that shares the table of the filters.
  await host.hypervisor.createDomain(foreign, deadline());
  expect(await hypervisor.listGuests(deadline())).toEqual([{ uuid: filtered.uuid, powerState: 'absent' }]);
  expect(await hypervisor.listGuests(deadline(), new Set([foreign.uuid, onDisk.uuid]))).toEqual([]);
  expect(await hypervisor.listDisks()).toEqual([onDisk.uuid]);
});

it('is told with the reason that libvirt gives for what it does', async () => {
  await using host = await startTestHost('test');
  const { hypervisor } = host;
  const guest = guestSpec();
  await hypervisor.createDomain(guest, deadline());
  await hypervisor.stop(guest.uuid, 0, deadline());
  expect(await hypervisor.listGuests(deadline())).toEqual([
    { uuid: guest.uuid, powerState: 'shutdown', reason: 'the guest was switched off on its host' },
  ]);
});

it('is one of those that are asked for, where not all are', async () => {
  await using host = await startTestHost('test');
  const { hypervisor } = host;
  const [one, other, absent] = [guestSpec(), guestSpec(), guestSpec()];
  await hypervisor.createDomain(one, deadline());
  await hypervisor.createDomain(other, deadline());
  const found = await hypervisor.listGuests(deadline(), new Set([one.uuid, absent.uuid]));
  expect(found.map(({ uuid, powerState }) => [uuid, powerState])).toEqual([[one.uuid, 'running']]);
});
