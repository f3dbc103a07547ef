/**
 * A folder of guests' disks belongs to one compute host: it destroys what it finds there of instances that are not its own,
 * and would do so to the guests of another.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../machines/failure.ts';
import { makePassage } from '../images/make-passage.ts';

/** Rejects with `conflict` when the folder is another host's. */
export async function claimHostFolder(folder: string, host: string): Promise<void> {
  const file = join(folder, 'host');
  await makePassage(folder);
  const owner = await readFile(file, 'utf8').catch(() => '');
  if (owner === '') return await writeFile(file, host);
  if (owner === host) return;
  throw fail(
    'conflict',
    `the folder ${folder} has the disks of host ${owner}, which are not host ${host}’s: give it another state folder, or its earlier name`,
  );
}
