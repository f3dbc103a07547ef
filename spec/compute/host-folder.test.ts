import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { claimHostFolder } from '../../actors/cloud/host-folder.ts';

it('belongs to one compute host: another would destroy its guests’ disks', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-host-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const disks = join(folder, 'compute');
  await claimHostFolder(disks, 'host1');
  await claimHostFolder(disks, 'host1');
  await expect(claimHostFolder(disks, 'host2')).rejects.toMatchObject({
    failure: { code: 'conflict', message: expect.stringContaining('host1') },
  });
});
