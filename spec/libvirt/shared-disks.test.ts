/**
 * A failure story on real guests: a host dies whose disks are on storage that another one shares, which has it mounted
 * elsewhere. Each has a libvirt daemon of its own.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ensureFirstRecords, testImageName } from '../../actors/cloud/first-records.ts';
import { startCompute } from '../../actors/compute/compute.ts';
import { ImageStore } from '../../actors/images/image-store.ts';
import { LocalGuestDisks } from '../../actors/images/local-guest-disks.ts';
import { LibvirtHypervisor } from '../../actors/libvirt/libvirt-hypervisor.ts';
import { runCommand } from '../../actors/process/run-command.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { defaultCacheDir } from '../../actors/setup/cache-dir.ts';
import { buildTestImage } from '../../actors/setup/test-image.ts';
import { api } from '../../transport/messages/api.ts';
import { openNatsLink } from '../support/nats-link.ts';
import { startPrivateLibvirtd } from '../support/private-libvirtd.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { deadline, openFirewall } from './guests.ts';

const pulse = { beatEveryMs: 500, deadAfterMs: 5_000 };
/** Emulated boots, beside other tests. */
const bootMs = 90_000;

async function startNetwork(): Promise<string> {
  const netns = `kn-${randomUUID().slice(0, 8)}`;
  await runCommand('ip', ['netns', 'add', netns]);
  onTestFinished(async () => void (await runCommand('ip', ['netns', 'delete', netns])));
  await runCommand('ip', ['-netns', netns, 'link', 'add', 'kn-br0', 'type', 'bridge']);
  return netns;
}

/** The same storage, by two names. */
async function mountedTwice(): Promise<[string, string]> {
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-shared-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const other = `${folder}-elsewhere`;
  await symlink(folder, other);
  onTestFinished(() => rm(other));
  return [folder, other];
}

async function startHost(cloud: TestCloud, runtime: Runtime, name: string, directory: string, netns: string) {
  const daemon = await startPrivateLibvirtd({ network: { netns } });
  onTestFinished(() => daemon.stop());
  const hypervisor = new LibvirtHypervisor({
    host: name,
    uri: daemon.uri,
    disks: new LocalGuestDisks({ directory, source: await ImageStore.open(cloud.runtime.bus) }),
    firewall: openFirewall,
    virtType: 'qemu',
    networkNamespace: netns,
    client: { firstBackoffMs: 20, mostBackoffMs: 100 },
  });
  const capacity = { vcpus: 8, memoryMb: 8192, diskGb: 100 };
  const part = await startCompute(runtime, { name, hypervisor, capacity, sharedDisks: 'nfs' });
  onTestFinished(() => part.stop());
  await isUp(cloud, name);
  return { daemon, hypervisor };
}

async function isUp(cloud: TestCloud, host: string): Promise<void> {
  await eventually(async () => {
    const { hosts } = await cloud.client.ask(api.host.list, {});
    const { hypervisorState, downSince } = hosts.find(({ name }) => name === host) ?? {};
    return (hypervisorState === 'up' && downSince === undefined) || undefined;
  }, 30_000);
}

it('what its guest wrote is there on the other host, and stays when the lost one comes back', {
  timeout: 300_000,
}, async () => {
  const image = await buildTestImage({ cacheDir: defaultCacheDir(), report: () => {} });
  const [netns, [here, elsewhere]] = await Promise.all([startNetwork(), mountedTwice()]);
  const cloud = await startTestCloud({ hosts: [], pulse });
  onTestFinished(() => cloud.stop());
  await ensureFirstRecords(cloud.runtime, image);
  const link = await openNatsLink(cloud.url);
  onTestFinished(() => link.close());
  const lone = await cloud.connect(link.url);
  onTestFinished(() => link.mend());

  const lost = await startHost(cloud, lone, 'lost', here, netns);
  const { uuid } = await cloud.create({ image: testImageName });
  /** The guest counts its boots on its disk, on which the image may have some already. */
  const bootsOf = async () => {
    const { output } = await cloud.client.ask(api.instance.consoleLog, { uuid });
    return Number([...output.matchAll(/boot (\d+) of it/g)].at(-1)?.[1] ?? 0);
  };
  const hasBooted = (boots: number) => eventually(async () => (await bootsOf()) === boots || undefined, bootMs);
  await cloud.until(uuid, ({ state }) => state === 'running', bootMs);
  const first = await eventually(async () => (await bootsOf()) || undefined, bootMs);

  link.cut();
  await lost.daemon.killGuests();
  await lost.daemon.kill('KILL');
  await eventually(async () => (await cloud.client.ask(api.host.get, { host: 'lost' })).host.downSince, 30_000);
  const { hypervisor } = await startHost(cloud, cloud.runtime, 'beside', elsewhere, netns);
  await cloud.client.ask(api.instance.evacuate, { uuid });
  await cloud.until(uuid, ({ state, host }) => state === 'running' && host === 'beside', bootMs);
  await hasBooted(first + 1);

  await lost.daemon.start();
  link.mend();
  await isUp(cloud, 'lost');
  expect(await lost.hypervisor.listGuests(deadline())).toEqual([]);
  expect(await hypervisor.powerState(uuid)).toBe('running');
  expect((await readdir(join(here, 'instances', uuid))).toSorted()).toEqual([
    'config-drive.iso',
    'console.log',
    'disk.qcow2',
  ]);
  await cloud.client.ask(api.instance.reboot, { uuid, how: 'hard' });
  await hasBooted(first + 2);

  await cloud.client.ask(api.instance.delete, { uuid });
  await cloud.until(uuid, ({ state }) => state === 'deleted', bootMs);
  expect(await readdir(join(here, 'instances'))).toEqual([]);
});
