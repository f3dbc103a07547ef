/** Disks that are put aside, grow, and come back: what a resize does to them, with the real qemu-img. */
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { LocalGuestDisks } from '../../actors/images/local-guest-disks.ts';
import { runCommand } from '../../actors/process/run-command.ts';
import { failureOf, guestSpec, MemorySource, never, temporaryFolder } from './fixtures.ts';

const gib = 1024 ** 3;

/** A guest with a disk of the image's 16 MiB, into which it has written. */
async function guestWithDisk() {
  const folder = await temporaryFolder();
  const source = new MemorySource();
  const path = join(folder, 'image.qcow2');
  await runCommand('qemu-img', ['create', '-q', '-f', 'qcow2', path, '16M']);
  const image = source.add(await readFile(path));
  const guest = guestSpec(1, { image: { id: 'image', name: 'image', diskFormat: 'qcow2', disk: image } });
  const disks = new LocalGuestDisks({ directory: join(folder, 'state'), source });
  const { disk = '' } = await disks.create(guest, never);
  await write(disk, 'before');
  return { folder, source, guest, disks, disk, uuid: guest.uuid, files: () => readdir(dirname(disk)) };
}

async function write(disk: string, text: string): Promise<void> {
  const pattern = text === 'before' ? '0x61' : '0x62';
  await runCommand('qemu-io', ['-f', 'qcow2', '-c', `write -P ${pattern} 0 4096`, disk]);
}

/** Rejects when the disk does not hold what was written. */
async function expectContent(disk: string, text: 'before' | 'after'): Promise<void> {
  const pattern = text === 'before' ? '0x61' : '0x62';
  const { stdout } = await runCommand('qemu-io', ['-f', 'qcow2', '-c', `read -P ${pattern} 0 4096`, disk]);
  expect(stdout).not.toContain('verification failed');
}

async function sizeOf(disk: string): Promise<number> {
  const { stdout } = await runCommand('qemu-img', ['info', '--output=json', disk]);
  return (JSON.parse(stdout) as { 'virtual-size': number })['virtual-size'];
}

it('a resized disk has the new size and what the guest wrote, and so has the one put aside', async () => {
  const { disks, disk, uuid, files } = await guestWithDisk();
  await disks.resize(uuid, 1, never);
  expect(await sizeOf(disk)).toBe(gib);
  await expectContent(disk, 'before');
  expect((await stat(disk)).mode & 0o777).toBe(0o600);
  await disks.forgetEarlier(uuid, never);
  await disks.forgetEarlier(uuid, never);
  expect((await files()).toSorted()).toEqual(['config-drive.iso', 'disk.qcow2']);
  await expectContent(disk, 'before');
});

it('a disk that is put back is as it was, without what was written since', async () => {
  const { disks, disk, guest, uuid, files } = await guestWithDisk();
  await disks.resize(uuid, 1, never);
  await write(disk, 'after');
  await disks.restore(guest, never);
  await disks.restore(guest, never);
  expect(await sizeOf(disk)).toBe(16 * 1024 * 1024);
  await expectContent(disk, 'before');
  expect((await files()).toSorted()).toEqual(['config-drive.iso', 'disk.qcow2']);
});

it('a disk that is large enough already, or has no size of its own, stays as large as it is', async () => {
  const { disks, disk, uuid } = await guestWithDisk();
  await disks.resize(uuid, 0, never);
  expect(await sizeOf(disk)).toBe(16 * 1024 * 1024);
  await disks.forgetEarlier(uuid, never);
  await disks.resize(uuid, 1, never);
  await disks.forgetEarlier(uuid, never);
  await disks.resize(uuid, 0, never);
  expect(await sizeOf(disk)).toBe(gib);
});

it('a resize that was interrupted anywhere goes on from there, and repeated changes nothing', async () => {
  const { disks, disk, guest, uuid } = await guestWithDisk();
  const earlier = join(dirname(disk), 'earlier.qcow2');
  // Interrupted before the copy, and in the middle of it.
  await rename(disk, earlier);
  await writeFile(`${disk}.partial`, 'half a copy');
  await disks.resize(uuid, 1, never);
  await expectContent(disk, 'before');
  expect(await sizeOf(disk)).toBe(gib);
  await write(disk, 'after');
  await disks.resize(uuid, 1, never);
  await expectContent(disk, 'after');
  await expectContent(earlier, 'before');
  // Interrupted while the disk was put aside, and then undone.
  await rm(disk);
  await disks.restore(guest, never);
  await expectContent(disk, 'before');
});

it('a guest without a disk is resized without one', async () => {
  const disks = new LocalGuestDisks({ directory: await temporaryFolder(), source: new MemorySource() });
  const guest = guestSpec(2);
  const { uuid } = guest;
  await disks.create(guest, never);
  await disks.resize(uuid, 1, never);
  await disks.restore(guest, never);
  await disks.forgetEarlier(uuid, never);
});

it('a disk that is not there cannot be put back, whatever else there is of its guest', async () => {
  const { disks, disk, guest, uuid } = await guestWithDisk();
  await rm(disk);
  expect(await failureOf(disks.restore(guest, never))).toMatchObject({ code: 'disk_lost', disposition: 'abort' });
  await disks.remove(uuid, never);
  expect(await failureOf(disks.restore(guest, never))).toMatchObject({ code: 'disk_lost' });
});

/** As another host, to which the instance has come. */
async function adopt({ folder, source, guest }: Awaited<ReturnType<typeof guestWithDisk>>, rootGb: number) {
  const other = new LocalGuestDisks({ directory: join(folder, 'state'), source });
  await other.adopt({ ...guest, flavor: { ...guest.flavor, rootGb } }, never);
}

it('another host goes on with the disk as the guest left it, and ends a resize', async () => {
  const resized = await guestWithDisk();
  const { disks, disk, uuid, files } = resized;
  await disks.resize(uuid, 1, never);
  await write(disk, 'after');
  await adopt(resized, 1);
  await expectContent(disk, 'after');
  expect((await files()).toSorted()).toEqual(['config-drive.iso', 'disk.qcow2']);
});

it('another host takes the disk that was put aside where there is no other yet, and makes it grow', async () => {
  const begun = await guestWithDisk();
  const { disk, files } = begun;
  await rename(disk, join(dirname(disk), 'earlier.qcow2'));
  await adopt(begun, 1);
  await adopt(begun, 1);
  await expectContent(disk, 'before');
  expect(await sizeOf(disk)).toBe(gib);
  expect((await files()).toSorted()).toEqual(['config-drive.iso', 'disk.qcow2']);
});

it('another host that does not find the disk makes none', async () => {
  const lost = await guestWithDisk();
  await rm(lost.disk);
  expect(await failureOf(adopt(lost, 0))).toMatchObject({ code: 'disk_lost', disposition: 'reschedule' });
  expect(await lost.files()).toEqual(['config-drive.iso']);
});

it('a host that is slow does not replace the disk that another has made meanwhile', async () => {
  const { folder, source, guest, disk } = await guestWithDisk();
  await rm(disk);
  const program = join(folder, 'slow-qemu-img');
  // The other one is done when this one comes to an end.
  const script = `#!/bin/sh\nqemu-img "$@" || exit\n[ "$1" = create ] && echo another > '${disk}'\nexit 0\n`;
  await writeFile(program, script, { mode: 0o755 });
  const slow = new LocalGuestDisks({ directory: join(folder, 'state'), source, programs: { qemuImg: program } });
  expect(await failureOf(slow.create(guest, never))).toMatchObject({ code: 'conflict' });
  expect(await readFile(disk, 'utf8')).toBe('another\n');
});
