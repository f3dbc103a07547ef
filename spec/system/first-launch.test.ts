/**
 * What `npm start` promises, on real libvirt with real guests: the whole cloud as a process, with a libvirtd, a bridge, an
 * nftables table and a state folder of the test's own.
 */
import { access, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tapName } from '../../actors/hypervisor/tap-name.ts';
import { LibvirtClient } from '../../actors/libvirt/libvirt-client.ts';
import { removeBridge } from '../../actors/network/linux-bridge.ts';
import { runCommand } from '../../actors/process/run-command.ts';
import { defaultCacheDir } from '../../actors/setup/cache-dir.ts';
import { buildTestImage, type TestImage } from '../../actors/setup/test-image.ts';
import { ping } from '../../transport/cli/first-launch.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { connectionAs, readCredentials } from '../../transport/nats/credentials.ts';
import { type KilonovaProcess, startKilonova } from '../support/kilonova-process.ts';
import { type PrivateLibvirtd, startPrivateLibvirtd } from '../support/private-libvirtd.ts';
import { eventually } from '../support/test-cloud.ts';

/** Emulated boots, beside other tests. */
const bootMs = 90_000;
const own = process.pid.toString(36);
const bridge = `kt-${own}`;
const nftTable = `kilonova_test_${own}`;
/** From the block that RFC 2544 keeps for tests, so that no real network is in the way. */
const cidr = `198.18.${process.pid % 256}.0/24`;

const cleanups = new AsyncDisposableStack();
let libvirtd: PrivateLibvirtd;
let image: TestImage;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kilonova-first-'));
  cleanups.defer(() => rm(folder, { recursive: true, force: true }));
  image = await buildTestImage({ cacheDir: defaultCacheDir(), report: () => {} });
  cleanups.defer(async () => {
    await removeBridge(bridge, AbortSignal.timeout(10_000)).catch(() => {});
    await runCommand('nft', ['delete', 'table', 'bridge', nftTable]).catch(() => {});
  });
  libvirtd = cleanups.use(await startPrivateLibvirtd());
}, 180_000);

afterAll(() => cleanups.disposeAsync());

function flags(state: string): string[] {
  return [
    ...['--state', state, '--nats-port', '0', '--host', 'host1'],
    ...['--hypervisor', 'libvirt', '--libvirt-uri', libvirtd.uri, '--virt-type', 'qemu'],
    ...['--bridge', bridge, '--cidr', cidr, '--nft-table', nftTable],
  ];
}

describe('kilonova up --once', { timeout: 240_000 }, () => {
  it('launches a guest that answers, deletes it, and leaves nothing of it', async () => {
    const state = join(folder, 'once');
    await using cloud = startKilonova(['up', '--once', ...flags(state)]);
    const [, uuid = '', address = ''] = await cloud.says(/✓ (\S+) runs on host1 after .+, with the address (\S+)/);
    expect(await cloud.ended, cloud.stderr()).toBe(0);
    expect(cloud.stderr()).toBe('');
    const timed = /^ +\d+(?:\.\d)? m?s {2}(\S+)/gm;
    expect([...cloud.stdout().matchAll(timed)].map(([, name]) => name)).toEqual([
      ...['scheduling', 'building.checking', 'building.claiming', 'networking', 'mapping'],
      ...['preparingFilter', 'creatingDisks', 'creatingDomain', 'enablingHairpin', 'applyingFilter'].map(
        (name) => `spawning.${name}`,
      ),
      'spawning.waitingForBoot',
      ...['destroyingDomain', 'removingFilter', 'removingDisks', 'unmappingBlockDevices', 'releasingNetwork'].map(
        (name) => `releasing.${name}`,
      ),
      'releasing.releasingClaim',
    ]);
    expect(cloud.stdout()).toMatch(/^✓ it answered \d+ ms later|^✓ it answered \d+\.\d s later/m);
    expect(cloud.stdout()).toMatch(/^ +deleted$/m);
    expect(cloud.stdout()).toMatch(/a launch alone.* simulated hypervisor: \d+\.\d ms/);
    expect(address.split('.').slice(0, 2)).toEqual(['198', '18']);
    await expectNothingLeft(state, uuid);
  });

  it('ends with the reason when the image is broken', async () => {
    const cacheDir = join(folder, 'broken-cache');
    const name = basename(dirname(image.disk));
    await cp(dirname(image.disk), join(cacheDir, name), { recursive: true });
    await writeFile(join(cacheDir, name, basename(image.disk)), 'this is no disk');
    const state = join(folder, 'broken');
    await using cloud = startKilonova(['up', '--once', ...flags(state)], {
      environment: { KILONOVA_CACHE_DIR: cacheDir },
    });
    expect(await cloud.ended).toBe(1);
    expect(cloud.stdout()).toContain('✗ the image is refused: it is not qcow2');
    expect(cloud.stdout().split('it is not qcow2')).toHaveLength(2);
    expect(cloud.stderr()).toMatch(/^✗ \w+: instance \S+ failed while /m);
    const { uuid = '' } = /instance (?<uuid>\S+) failed/.exec(cloud.stderr())?.groups ?? {};
    await expectNothingLeft(state, uuid);
  });
});

describe('a guest launched over the API', { timeout: 600_000 }, () => {
  let cloud: KilonovaProcess;
  let client: ApiClient;
  const state = () => join(folder, 'api');

  beforeAll(async () => {
    cloud = cleanups.use(startKilonova(['up', ...flags(state())]));
    const [, url = ''] = await cloud.says(/NATS: (nats:\S+)/);
    const connection = connectionAs(readCredentials(join(state(), 'admin.creds')));
    const bus = await connectBus({ url, name: 'test', connection, usesJetStream: false });
    cleanups.defer(() => bus.close());
    client = new ApiClient(bus, (await readFile(join(state(), 'admin-token'), 'utf8')).trim());
  }, 240_000);

  it('finds what it was given, obeys every power command, and goes without a trace', async () => {
    const publicKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKtVLiCXGnFRJTCsx+sc9aeZO5XEZcrlGe0eJQfZbLNp me@example';
    await client.ask(api.keyPair.create, { name: 'mine', publicKey });
    const { instances } = await client.ask(api.instance.create, {
      name: 'web',
      image: 'kilonova-test',
      flavor: 'm1.micro',
      keyName: 'mine',
      files: [{ path: '/etc/motd', contents: base64('what a day\n') }],
      userData: base64('#!/bin/sh\necho hello from user data\n'),
    });
    const uuid = instances[0]?.uuid ?? '';
    const { ports } = await until(uuid, 'active');
    const address = ports[0]?.addresses[0] ?? '';
    const answers = () => ping(address, AbortSignal.timeout(bootMs));
    const boots = async () => (await consoleLog(uuid)).split('kilonova-guest: ready').length - 1;
    const booted = (times: number) => expect.poll(boots, { timeout: bootMs, interval: 100 }).toBe(times);

    await booted(1);
    await answers();
    await expect
      .poll(() => consoleLog(uuid), { timeout: bootMs, interval: 100 })
      .toContain('user-data: hello from user data');
    const log = await consoleLog(uuid);
    expect(log).toContain('kilonova-guest: hostname web');
    expect(log).toContain('kilonova-guest: file /etc/motd: what a day');
    expect(log).toContain(`kilonova-guest: key ssh-ed25519 me@example`);
    expect(log).toMatch(new RegExp(`kilonova-guest: address ${address}/24 on eth0`));

    await client.ask(api.instance.pause, { uuid });
    await until(uuid, 'paused');
    await client.ask(api.instance.unpause, { uuid });
    await until(uuid, 'active');
    await client.ask(api.instance.suspend, { uuid });
    await until(uuid, 'suspended');
    await client.ask(api.instance.resume, { uuid });
    await until(uuid, 'active');
    await answers();
    // It went on where it was: the console's log begins anew with the emulator, and has no boot in it.
    expect(await boots()).toBe(0);

    await client.ask(api.instance.reboot, { uuid });
    await until(uuid, 'active');
    await booted(1);

    const stoppedAt = Date.now();
    await client.ask(api.instance.stop, { uuid });
    await until(uuid, 'stopped');
    // The plug would have been pulled a minute later.
    expect(Date.now() - stoppedAt).toBeLessThan(50_000);
    await client.ask(api.instance.start, { uuid });
    await until(uuid, 'active');
    await client.ask(api.instance.reboot, { uuid, how: 'hard' });
    await until(uuid, 'active');
    await answers();

    // With another flavor, and as it was before.
    await client.ask(api.flavor.create, { name: 'wide', vcpus: 2, memoryMb: 160, rootGb: 1 });
    await client.ask(api.instance.resize, { uuid, flavor: 'wide' });
    await until(uuid, 'resized');
    await answers();
    expect(await domainOf(uuid)).toMatch(/<memory unit='KiB'>163840<.*<vcpu placement='static'>2</s);
    expect(await diskSize(uuid)).toBe(1024 ** 3);
    await client.ask(api.instance.revertResize, { uuid });
    await until(uuid, 'active');
    await answers();
    expect(await domainOf(uuid)).toMatch(/<memory unit='KiB'>131072<.*<vcpu placement='static'>1</s);
    expect(await diskSize(uuid)).toBeLessThan(1024 ** 3);

    // On a new disk, with other user data.
    const userData = base64('#!/bin/sh\necho built anew\n');
    await client.ask(api.instance.rebuild, { uuid, userData });
    await until(uuid, 'active');
    await expect.poll(() => consoleLog(uuid), { timeout: bootMs, interval: 100 }).toContain('user-data: built anew');
    expect(await boots()).toBe(1);
    await answers();

    const taps = ports.map(({ id }) => tapName(id));
    expect(await linkNames()).toEqual(expect.arrayContaining(taps));
    await client.ask(api.instance.delete, { uuid });
    await until(uuid, 'deleted');
    await expectNothingLeft(state(), uuid);
    cloud.kill('SIGTERM');
    expect(await cloud.ended).toBe(0);
  });

  /** Resolves when the instance has come to rest in that state. */
  function until(uuid: string, vmState: InstanceView['vmState']): Promise<InstanceView> {
    return eventually(async () => {
      const { instance } = await client.ask(api.instance.get, { uuid });
      if (instance.vmState === 'error' && vmState !== 'error') throw new Error(instance.fault?.message);
      return instance.vmState === vmState && instance.taskState === undefined ? instance : undefined;
    }, bootMs);
  }

  async function diskSize(uuid: string): Promise<number> {
    const disk = join(state(), 'compute', 'instances', uuid, 'disk.qcow2');
    const { stdout } = await runCommand('qemu-img', ['info', '-U', '--output=json', disk]);
    return (JSON.parse(stdout) as { 'virtual-size': number })['virtual-size'];
  }

  async function consoleLog(uuid: string): Promise<string> {
    return (await client.ask(api.instance.consoleLog, { uuid })).output.replaceAll('\r', '');
  }
});

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** The XML of the domain as it runs. */
async function domainOf(uuid: string): Promise<string> {
  const libvirt = new LibvirtClient({ uri: libvirtd.uri });
  try {
    await libvirt.connect();
    const domain = await libvirt.domainByUuid(uuid);
    return domain ? await libvirt.domainXml(domain, false) : '';
  } finally {
    libvirt.close();
  }
}

/** No domain, tap, bridge port, nftables chain or file; only the record remembers it. */
async function expectNothingLeft(state: string, uuid: string): Promise<void> {
  const libvirt = new LibvirtClient({ uri: libvirtd.uri });
  try {
    await libvirt.connect();
    expect(await libvirt.domains()).toEqual([]);
  } finally {
    libvirt.close();
  }
  expect((await linkNames()).filter((name) => name.startsWith('tap'))).toEqual([]);
  const { stdout } = await runCommand('nft', ['list', 'table', 'bridge', nftTable]);
  expect(stdout).not.toContain('chain i_');
  expect(stdout).not.toContain('"tap');
  await expect(access(join(state, 'compute', 'instances', uuid))).rejects.toThrow('ENOENT');
}

/** Of the ports of the test's bridge, of which there is none before the first guest. */
async function linkNames(): Promise<string[]> {
  const { stdout } = await runCommand('ip', ['-j', 'link', 'show', 'type', 'tun']);
  const links = (stdout.trim() === '' ? [] : JSON.parse(stdout)) as { ifname: string; master?: string }[];
  return links.filter(({ master }) => master === bridge).map(({ ifname }) => ifname);
}
