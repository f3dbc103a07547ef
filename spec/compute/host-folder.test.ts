import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { claimHostFolder } from '../../actors/cloud/host-folder.ts';

async function folderOfDisks(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-host-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'compute');
}

const refusal = (words: string) => ({ failure: { code: 'conflict', message: expect.stringContaining(words) } });

it('belongs to one compute host: another would destroy its guests’ disks', async () => {
  const disks = await folderOfDisks();
  await claimHostFolder(disks, 'host1');
  await claimHostFolder(disks, 'host1');
  await expect(claimHostFolder(disks, 'host2')).rejects.toMatchObject(refusal('host1'));
});

it('belongs to all hosts that say that they share it, and to no other', async () => {
  const disks = await folderOfDisks();
  await claimHostFolder(disks, 'host1', 'nfs');
  await claimHostFolder(disks, 'host2', 'nfs');
  await expect(claimHostFolder(disks, 'host3', 'ceph')).rejects.toMatchObject(refusal('--shared-disks nfs'));
  await expect(claimHostFolder(disks, 'host1')).rejects.toMatchObject(refusal('--shared-disks nfs'));
});

it('is shared by its host first', async () => {
  const disks = await folderOfDisks();
  await claimHostFolder(disks, 'host1');
  await expect(claimHostFolder(disks, 'host2', 'nfs')).rejects.toMatchObject(refusal('host1'));
  await claimHostFolder(disks, 'host1', 'nfs');
  await claimHostFolder(disks, 'host2', 'nfs');
});

it('has to be a folder, and is told of by name where it is none', async () => {
  const disks = await folderOfDisks();
  await writeFile(disks, 'no folder');
  await expect(claimHostFolder(disks, 'host1')).rejects.toMatchObject({
    failure: { code: 'unavailable', message: expect.stringContaining(disks) },
  });
});
