/** Asks how much room a disk has. */
import { statfs } from 'node:fs/promises';

/** What a process may still write to the disk of a folder. Of one that is not there nobody knows: any amount. */
export async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
