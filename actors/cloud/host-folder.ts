/**
 * Whose a folder of guests' disks is. One compute host's: it destroys what it finds there of instances that are not its
 * own, and would do so to the guests of another. Or that of all hosts that share the storage, each of which has to say so.
 */
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../machines/failure.ts';
import { makePassage } from '../images/make-passage.ts';

/** Rejects with `conflict` when the folder is another host's, or that of hosts that share another storage. */
export async function claimHostFolder(folder: string, host: string, sharedDisks?: string): Promise<void> {
  await makeFolder(folder);
  const [owner, storage] = await Promise.all([readMark(folder, 'host'), readMark(folder, 'storage')]);
  if (storage !== undefined && storage !== sharedDisks) {
    throw fail(
      'conflict',
      `the folder ${folder} has the disks of all hosts with --shared-disks ${storage}: start host ${host} so, or give it another state folder`,
    );
  }
  if (owner !== undefined && owner !== host) {
    throw fail(
      'conflict',
      `the folder ${folder} has the disks of host ${owner}, which are not host ${host}’s: give it another state folder, or its earlier name; or start host ${owner} with --shared-disks first`,
    );
  }
  if (sharedDisks === undefined) {
    await writeFile(join(folder, 'host'), host);
  } else {
    await writeFile(join(folder, 'storage'), sharedDisks);
    // It was that host's alone until now.
    await rm(join(folder, 'host'), { force: true });
  }
}

async function makeFolder(folder: string): Promise<void> {
  await makePassage(folder);
  if (!(await stat(folder)).isDirectory()) {
    throw fail('unavailable', `${folder}, where the disks of guests are to be, is no folder`);
  }
}

async function readMark(folder: string, name: 'host' | 'storage'): Promise<string | undefined> {
  return (await readFile(join(folder, name), 'utf8').catch(() => '')) || undefined;
}
