/** A failure story: the libvirt daemon dies after it has written down that it starts a guest, before it has its emulator. */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import type { GuestSpec } from '../../actors/hypervisor/hypervisor.ts';
import { deadline, guestSpec, startTestHost, type TestHost } from './guests.ts';

const timeout = 120_000;

it('is forgotten while the daemon is away, and the guest can be started again', { timeout }, async () => {
  await using host = await startTestHost('qemu');
  const { daemon, hypervisor } = host;
  const guest = await launch(host);
  await dieStarting(host, guest);
  await daemon.start();
  await hypervisor.start(guest.uuid, deadline());
  expect(await hypervisor.powerState(guest.uuid)).toBe('running');
});

it('is told when it was not forgotten in time, and is over when the daemon is started once more', {
  timeout,
}, async () => {
  await using host = await startTestHost('qemu');
  const { daemon, hypervisor } = host;
  const guest = await launch(host);
  const written = await dieStarting(host, guest);
  await writeFile(stateFile(host, guest), written);
  await daemon.start();

  const told = { failure: { code: 'hypervisor_error', message: expect.stringContaining('restart libvirt') } };
  await Promise.all([
    expect(hypervisor.waitForBoot(guest.uuid, deadline(90_000))).rejects.toMatchObject(told),
    expect(hypervisor.destroyDomain(guest.uuid, deadline(90_000))).rejects.toMatchObject(told),
  ]);

  await daemon.kill('TERM');
  await expect.poll(() => read(stateFile(host, guest))).toBeUndefined();
  await daemon.start();
  await hypervisor.destroyDomain(guest.uuid, deadline());
  expect(await hypervisor.powerState(guest.uuid)).toBe('absent');
});

async function launch({ disks, hypervisor }: TestHost): Promise<GuestSpec> {
  const guest = guestSpec();
  await disks.create(guest, deadline());
  await hypervisor.createDomain(guest, deadline());
  await hypervisor.waitForBoot(guest.uuid, deadline());
  return guest;
}

/** The daemon dies, and leaves what it would have in the midst of a start. Returns that, once the host has removed it. */
async function dieStarting(host: TestHost, guest: GuestSpec): Promise<string> {
  const { daemon } = host;
  await daemon.freeze();
  await daemon.killGuests();
  const path = stateFile(host, guest);
  const written = (await readFile(path, 'utf8'))
    .replace(/<domstatus [^>]*>/, "<domstatus state='paused' reason='starting up' pid='0'>")
    .replace('<libDir ', "<job type='none' async='start' flags='0x0' asyncStarted='1700000000000'/>\n<libDir ");
  await writeFile(path, written);
  await daemon.kill('KILL');
  await expect.poll(() => read(path)).toBeUndefined();
  return written;
}

/** Where the daemon writes down what it knows of a domain that is active. */
function stateFile({ daemon }: TestHost, { domainName }: GuestSpec): string {
  return join(dirname(daemon.socketPath), 'qemu', `${domainName}.xml`);
}

function read(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
