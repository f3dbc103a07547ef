import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { LibvirtError, LinkLost } from '../../transport/libvirt/rpc-errors.ts';
import { deadline, guestSpec, startTestHost, type TestHost } from './guests.ts';
import { commandLines } from './real-cloud.ts';

async function startGuest({ hypervisor, disks }: TestHost): Promise<string> {
  const guest = guestSpec();
  await disks.create(guest, deadline());
  await hypervisor.createDomain(guest, deadline());
  await hypervisor.waitForBoot(guest.uuid, deadline());
  return guest.uuid;
}

/** Resolves with why, if it was no ordinary end. */
function closed(stream: Duplex): Promise<Error | undefined> {
  return new Promise((resolve) => {
    stream
      .on('error', resolve)
      .on('close', () => resolve(undefined))
      .resume();
  });
}

describe('the consoles of a guest under QEMU', () => {
  it('are refused while it does not run, and where there are none', async () => {
    await using host = await startTestHost('qemu');
    const { hypervisor, disks } = host;
    const guest = guestSpec();
    const conflict = { failure: { code: 'conflict' } };
    await expect(hypervisor.openConsole(guest.uuid, 'serial')).rejects.toMatchObject(conflict);
    await disks.create(guest, deadline());
    await hypervisor.defineDomain(guest, deadline());
    await expect(hypervisor.openConsole(guest.uuid, 'vnc')).rejects.toMatchObject(conflict);

    // As guests were made before they had a screen.
    const { client } = hypervisor;
    const [look] = await client.domains();
    if (!look) throw new Error('there is no domain');
    const xml = await client.domainXml(look.ref);
    const display = /<graphics [\s\S]*<\/graphics>|<video>[\s\S]*<\/video>|<audio [^>]*>/g;
    await hypervisor.start(guest.uuid, deadline());
    await hypervisor.destroyDomain(guest.uuid, deadline());
    await client.start(await client.define(xml.replaceAll(display, '')));
    await expect(hypervisor.openConsole(guest.uuid, 'vnc')).rejects.toMatchObject({
      failure: { code: 'unsupported', message: expect.stringContaining('rebuild') },
    });
    (await hypervisor.openConsole(guest.uuid, 'serial')).destroy();
  });

  it('are taken from whoever had them, and end with the guest', async () => {
    await using host = await startTestHost('qemu');
    const { hypervisor } = host;
    const uuid = await startGuest(host);
    const first = closed(await hypervisor.openConsole(uuid, 'serial'));
    const second = closed(await hypervisor.openConsole(uuid, 'serial'));
    expect(await first).toBeInstanceOf(LibvirtError);
    const screen = closed(await hypervisor.openConsole(uuid, 'vnc'));
    await hypervisor.destroyDomain(uuid, deadline());
    expect(await Promise.all([second, screen])).toEqual([undefined, undefined]);
  });

  it('are on no port of the machine: the screen is on a socket in a folder of libvirt’s, which others cannot enter', async () => {
    await using host = await startTestHost('qemu');
    const { hypervisor, daemon } = host;
    const uuid = await startGuest(host);
    const screen = await hypervisor.openConsole(uuid, 'vnc');
    const [greeting] = await once(screen, 'data');
    expect(String(greeting)).toBe('RFB 003.008\n');
    screen.destroy();

    const emulator = (await commandLines()).find((line) => line.includes('qemu-system') && line.includes(uuid)) ?? '';
    const [, path = ''] = /-vnc\0vnc=unix:([^,\0]+)/.exec(emulator) ?? [];
    const folder = await stat(`${daemon.rootFolder}${path.slice(0, path.lastIndexOf('/'))}`);
    expect(folder.mode & 0o007).toBe(0);
    const listening = await readFile('/proc/net/tcp', 'utf8');
    // 5900 is 170C: the first port that a VNC server takes.
    expect(listening).not.toMatch(/:170C 0+:0000 0A/);
  });

  it('break when the daemon dies under a serial console; a screen is the emulator’s, and goes on', async () => {
    await using host = await startTestHost('qemu');
    const { hypervisor, daemon } = host;
    const uuid = await startGuest(host);
    const screen = await hypervisor.openConsole(uuid, 'vnc');
    const serial = await hypervisor.openConsole(uuid, 'serial');
    const broken = once(serial, 'error', { signal: deadline() });
    await daemon.kill('KILL');
    expect((await broken)[0]).toBeInstanceOf(LinkLost);
    await once(screen, 'data', { signal: deadline() });
    screen.write('RFB 003.008\n');
    const [security] = await once(screen, 'data', { signal: deadline() });
    // One kind of security: none.
    expect([...security]).toEqual([1, 1]);
    screen.destroy();
    await expect(hypervisor.openConsole(uuid, 'serial')).rejects.toMatchObject({
      failure: { code: 'hypervisor_unavailable' },
    });
    await daemon.start();
    await hypervisor.client.whenConnected(deadline());
    (await hypervisor.openConsole(uuid, 'serial')).destroy();
  });
});
