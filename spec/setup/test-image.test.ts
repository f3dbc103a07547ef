/**
 * The test image is built for real, and boots for real under emulation.
 */

import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTestImage, type TestImage } from '../../actors/setup/test-image.ts';
import { bootTestGuest } from '../support/test-guest.ts';

const configDrive = {
  'openstack/latest/meta_data.json': JSON.stringify({
    uuid: '8f2b6c1e-0000-4000-8000-000000000001',
    hostname: 'web-1.novalocal',
    name: 'web "1"',
    meta: { 'role/a': 'b' },
    public_keys: { mine: 'ssh-ed25519 AAAAC3Nza me@here\n' },
    network_config: { name: 'network_config', content_path: '/content/0000' },
    files: [
      { path: '/etc/motd', content_path: '/content/0001' },
      { path: '/opt/deep/er', content_path: '/content/0002' },
    ],
    launch_index: 0,
  }),
  'openstack/latest/user_data': '#!/bin/sh\necho ran on $(hostname)\n',
  'openstack/content/0000': `auto lo
iface lo inet loopback

auto eth0
iface eth0 inet static
    address 10.0.2.15
    netmask 255.255.255.0
    gateway 10.0.2.2
    dns-nameservers 10.0.2.3
`,
  'openstack/content/0001': 'hello there\nsecond line\n',
  'openstack/content/0002': 'deep\n',
};

describe('the test image', { timeout: 120_000 }, () => {
  let cacheDir: string;
  let image: TestImage;
  const lines: string[] = [];

  beforeAll(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), 'kilonova-cache-'));
    image = await buildTestImage({ cacheDir, report: (line) => lines.push(line) });
  });
  afterAll(async () => {
    await rm(cacheDir, { recursive: true, force: true });
  });

  test('says that it is built, and is readable for the user that libvirt runs guests as', async () => {
    expect(lines[0]).toBe('building the test image (once)');
    for (const path of [image.kernel, image.ramdisk, image.disk]) {
      expect((await stat(path)).mode & 0o777).toBe(0o644);
    }
    expect((await stat(join(image.kernel, '..'))).mode & 0o777).toBe(0o755);
  });

  test('is not built a second time', async () => {
    const more: string[] = [];
    const before = (await stat(image.ramdisk)).mtimeMs;
    expect(await buildTestImage({ cacheDir, report: (line) => more.push(line) })).toEqual(image);
    expect(more).toEqual([]);
    expect((await stat(image.ramdisk)).mtimeMs).toBe(before);
  });

  test('is built once by two who want it at the same time', async () => {
    await rm(join(image.kernel, '..'), { recursive: true });
    const build = () => buildTestImage({ cacheDir, report: () => {} });
    const [one, other] = await Promise.all([build(), build()]);
    expect(one).toEqual(other);
    expect((await stat(one.ramdisk)).size).toBeGreaterThan(500_000);
  });

  test('does what its config drive says, and powers off at the button', async () => {
    const guest = await bootTestGuest(image, configDrive);
    try {
      await guest.line('kilonova-guest: ready');
      const said = guest.console().split('\n');
      expect(said).toEqual(
        expect.arrayContaining([
          'kilonova-guest: hostname web-1.novalocal',
          'kilonova-guest: address 10.0.2.15/24 on eth0',
          'kilonova-guest: file /etc/motd: hello there',
          'kilonova-guest: file /opt/deep/er: deep',
          'kilonova-guest: key ssh-ed25519 me@here',
        ]),
      );
      // The shell and the user data begin at the same time.
      await guest.lines("Enter 'help'", 'kilonova-guest: user-data: ran on web-1.novalocal');
      guest.type('cat /root/.ssh/authorized_keys; wget -qO- http://10.0.2.15/; nc 10.0.2.15 22 </dev/null');
      expect(await guest.line('ssh-ed25519 A')).toBe('ssh-ed25519 AAAAC3Nza me@here');
      expect(await guest.line('web-1')).toBe('web-1.novalocal');
      expect(await guest.line('SSH-2.0')).toBe('SSH-2.0-kilonova-guest');
      guest.pressPowerButton();
      await guest.ended;
    } finally {
      await guest.stop();
    }
  });

  test('reboots, keeps its disk, and asks for an address by DHCP when nobody gave it one', async () => {
    const guest = await bootTestGuest(image, { 'openstack/latest/meta_data.json': '{"hostname": "plain"}' });
    try {
      await guest.line('kilonova-guest: address 10.0.2.15/24 on eth0');
      expect(await guest.line('boot 1 of it')).toMatch(/^kilonova-guest: disk \/dev\/vd. mounted/);
      await guest.line("Enter 'help'");
      guest.type('reboot');
      await guest.line('boot 2 of it');
      await guest.line('kilonova-guest: ready');
    } finally {
      await guest.stop();
    }
  });
});
