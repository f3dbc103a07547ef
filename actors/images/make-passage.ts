/** Makes a folder that every user can pass through and none but the owner can list or change. */
import { chmod, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

const mode = 0o711;

/** Makes its parents too when they are missing; leaves every folder that is there as it is. Idempotent. */
export async function makePassage(path: string): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(path) === path) throw thrown;
    await makePassage(dirname(path));
    return await makePassage(path);
  }
  // The umask of a service may be 077, with which QEMU's user could not reach its disk.
  await chmod(path, mode);
}
