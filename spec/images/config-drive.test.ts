/** The config drive as a guest finds it: the map of files, and the ISO that genisoimage makes of it. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { GuestPort, GuestSpec } from '../../actors/hypervisor/hypervisor.ts';
import { configDriveFiles } from '../../actors/images/config-drive.ts';
import { writeConfigDriveIso } from '../../actors/images/config-drive-iso.ts';
import { runCommand } from '../../actors/process/run-command.ts';
import { FailureError } from '../../machines/failure.ts';
import { guestSpec, never, temporaryFolder, uuid } from './fixtures.ts';

const hostile = `'"\`$(reboot)\\ \n\r\0 \u2028 é 🦊 </script> -- %s`;

function full(): GuestSpec {
  return guestSpec(1, {
    displayName: hostile,
    configDrive: {
      hostname: 'guest-1',
      availabilityZone: 'az 1',
      metadata: { [hostile]: hostile, __proto__key: '' },
      publicKeys: [{ name: hostile, publicKey: 'ssh-ed25519 AAAA me' }],
      adminPassword: hostile,
      userData: Buffer.from('#!/bin/sh\n\xff\0', 'latin1').toString('base64'),
      files: [
        { path: '/etc/../etc/motd', contents: Buffer.from('hello').toString('base64') },
        { path: hostile, contents: randomBytes(5000).toString('base64') },
      ],
    },
  });
}

function parse(files: Map<string, Uint8Array>, path: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(files.get(path) ?? []).toString('utf8')) as Record<string, unknown>;
}

test('the drive has the label, and each file reads back byte for byte', async () => {
  const folder = await temporaryFolder();
  const files = configDriveFiles(full(), randomBytes(512));
  const iso = join(folder, 'config-drive.iso');
  await writeConfigDriveIso(iso, files, { genisoimage: 'genisoimage', signal: never });

  const { stdout } = await runCommand('isoinfo', ['-d', '-i', iso]);
  expect(stdout).toContain('Volume id: config-2');
  const out = join(folder, 'out');
  await mkdir(out);
  await runCommand('xorriso', ['-osirrox', 'on', '-indev', iso, '-extract', '/', out]);
  const { stdout: listing } = await runCommand('find', [out, '-type', 'f', '-printf', '%P\n']);
  expect(listing.trim().split('\n').toSorted()).toEqual([...files.keys()].toSorted());
  for (const [path, bytes] of files) {
    expect(Buffer.compare(await readFile(join(out, path)), bytes), path).toBe(0);
  }
});

test('meta_data.json says what Nova says', () => {
  const seed = randomBytes(512);
  const guest = full();
  const files = configDriveFiles(guest, seed);
  expect(parse(files, 'openstack/latest/meta_data.json')).toEqual({
    uuid: guest.uuid,
    name: hostile,
    hostname: 'guest-1',
    project_id: 'project',
    launch_index: 0,
    availability_zone: 'az 1',
    public_keys: { [hostile]: 'ssh-ed25519 AAAA me' },
    keys: [{ name: hostile, type: 'ssh', data: 'ssh-ed25519 AAAA me' }],
    meta: guest.configDrive.metadata,
    network_config: { name: 'network_config', content_path: '/content/0000' },
    files: [
      { path: '/etc/../etc/motd', content_path: '/content/0001' },
      { path: hostile, content_path: '/content/0002' },
    ],
    random_seed: seed.toString('base64'),
    admin_pass: hostile,
    devices: [],
  });
  expect(Buffer.from(files.get('openstack/content/0001') ?? []).toString()).toBe('hello');
  for (const version of ['2012-08-10', '2013-10-17', '2018-08-27']) {
    expect(files.get(`openstack/${version}/meta_data.json`)).toEqual(files.get('openstack/latest/meta_data.json'));
  }
  expect(parse(files, 'ec2/latest/meta-data.json')).toMatchObject({ hostname: 'guest-1', 'local-ipv4': '10.0.0.5' });
  expect(files.get('ec2/latest/user-data')).toEqual(files.get('openstack/latest/user_data'));
});

test('a guest without user data or password has neither on its drive', () => {
  const files = configDriveFiles(guestSpec(1), randomBytes(512));
  expect([...files.keys()].filter((path) => /user.data/.test(path))).toEqual([]);
  expect(parse(files, 'openstack/latest/meta_data.json')).not.toHaveProperty('admin_pass');
});

test('the network is told as /etc/network/interfaces and as network_data.json', () => {
  const second: GuestPort = {
    id: uuid(0x2000),
    mac: '02:00:00:00:00:02',
    bridge: 'br1',
    mtu: 1500,
    fixedIps: [
      { address: '192.168.7.9', prefixLength: 25, gateway: '192.168.7.1' },
      { address: '2001:db8::9', prefixLength: 64, gateway: '2001:db8::1' },
    ],
    dnsServers: [],
  };
  const files = configDriveFiles(guestSpec(1, { ports: [...guestSpec(1).ports, second] }), randomBytes(512));
  expect(Buffer.from(files.get('openstack/content/0000') ?? []).toString()).toBe(`auto lo
iface lo inet loopback

auto eth0
iface eth0 inet static
    hwaddress ether 02:00:00:00:00:01
    address 10.0.0.5
    netmask 255.255.252.0
    mtu 1450
    gateway 10.0.0.1
    dns-nameservers 10.0.0.2

auto eth1
iface eth1 inet static
    hwaddress ether 02:00:00:00:00:02
    address 192.168.7.9
    netmask 255.255.255.128
    mtu 1500
iface eth1 inet6 static
    hwaddress ether 02:00:00:00:00:02
    address 2001:db8::9
    netmask 64
    mtu 1500
    gateway 2001:db8::1
`);
  expect(parse(files, 'openstack/latest/network_data.json')).toMatchObject({
    links: [
      { id: 'tap00000000-00', type: 'bridge', mtu: 1450, ethernet_mac_address: '02:00:00:00:00:01' },
      { mtu: 1500 },
    ],
    networks: [
      {
        id: 'network0',
        type: 'ipv4',
        ip_address: '10.0.0.5',
        netmask: '255.255.252.0',
        routes: [{ network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.0.1' }],
        services: [{ type: 'dns', address: '10.0.0.2' }],
      },
      { id: 'network1', routes: [] },
      {
        id: 'network2',
        type: 'ipv6',
        netmask: 'ffff:ffff:ffff:ffff:0:0:0:0',
        routes: [{ network: '::', netmask: '::' }],
      },
    ],
    services: [{ type: 'dns', address: '10.0.0.2' }],
  });
});

test('text of the client is never a path on the drive and always comes back from the JSON', () => {
  const anyText = fc.string({ unit: 'grapheme' });
  const content = fc.record({
    metadata: fc.dictionary(anyText, anyText),
    files: fc.array(fc.record({ path: anyText, bytes: fc.uint8Array() })),
    name: anyText,
  });
  fc.assert(
    fc.property(content, ({ metadata, files: injected, name }) => {
      const files = injected.map(({ path, bytes }) => ({ path, contents: Buffer.from(bytes).toString('base64') }));
      const guest = guestSpec(1, { displayName: name });
      const drive = configDriveFiles(
        { ...guest, configDrive: { ...guest.configDrive, metadata, files } },
        randomBytes(8),
      );
      for (const path of drive.keys()) expect(path).toMatch(/^(openstack|ec2)\/[a-z0-9-]+\/[a-z0-9_.-]+$/);
      const metaData = parse(drive, 'openstack/latest/meta_data.json');
      expect(metaData).toMatchObject({ name });
      expect(JSON.stringify(metaData.meta)).toBe(JSON.stringify(metadata));
      injected.forEach(({ bytes }, index) => {
        const number = String(index + 1).padStart(4, '0');
        expect(Buffer.compare(drive.get(`openstack/content/${number}`) ?? Buffer.of(1), bytes)).toBe(0);
      });
    }),
  );
});

test.each([
  { mac: '02:00:00:00:00:01\n' },
  { mtu: 1.5 },
  { fixedIps: [{ address: '10.0.0.5\n  up reboot', prefixLength: 22 }] },
  { fixedIps: [{ address: 'fe80::1%eth0', prefixLength: 64 }] },
  { fixedIps: [{ address: '10.0.0.5', prefixLength: 33 }] },
  { fixedIps: [{ address: '10.0.0.5', prefixLength: 22, gateway: '::1' }] },
  { dnsServers: ['10.0.0.2\nup reboot'] },
])('a port with %j is refused', (wrong) => {
  const ports = guestSpec(1).ports.map((port) => ({ ...port, ...wrong }));
  expect(() => configDriveFiles(guestSpec(1, { ports }), randomBytes(8))).toThrow(FailureError);
});
