import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openKvmDevice } from '../../actors/setup/kvm-device.ts';

const kvmGroup = await findGroup('kvm');
const isRoot = process.getuid?.() === 0;

test.runIf(isRoot && kvmGroup !== undefined)('opens a device that nobody has set up to the group kvm', async () => {
  const device = await makeDevice(0o600);
  const lines: string[] = [];
  await openKvmDevice({ device, report: (line) => lines.push(line) });
  expect(await look(device)).toEqual({ gid: kvmGroup, mode: 0o660 });
  expect(lines).toEqual([`${device} is open to the group kvm now`]);

  await openKvmDevice({ device, report: (line) => lines.push(line) });
  expect(lines).toHaveLength(1);
});

test('leaves a device alone whose mode somebody has chosen', async () => {
  const device = await makeDevice(0o640);
  const before = await look(device);
  await openKvmDevice({ device, report: (line) => expect.fail(line) });
  expect(await look(device)).toEqual(before);
});

test('says nothing where there is no device', async () => {
  await openKvmDevice({ device: '/nonexistent/kvm', report: (line) => expect.fail(line) });
});

/** A plain file: to permissions it is all the same. */
async function makeDevice(mode: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kvm-device-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const device = join(folder, 'kvm');
  await writeFile(device, '');
  await chmod(device, mode);
  return device;
}

async function look(device: string): Promise<{ gid: number; mode: number }> {
  const { gid, mode } = await stat(device);
  return { gid, mode: mode & 0o777 };
}

async function findGroup(name: string): Promise<number | undefined> {
  const [, id] = new RegExp(`^${name}:[^:]*:(\\d+):`, 'm').exec(await readFile('/etc/group', 'utf8')) ?? [];
  return id === undefined ? undefined : Number(id);
}
