/** A disk of a test's own that is small enough to be filled. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../../actors/process/run-command.ts';

export interface SmallDisk extends AsyncDisposable {
  folder: string;
  /** Until nothing more can be written to it. */
  fill(): Promise<void>;
  makeRoom(): Promise<void>;
}

/** Only root may mount one. */
export const mayMount = process.getuid?.() === 0;

export async function mountSmallDisk(bytes: number): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-disk-'));
  await runCommand('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]);
  const filler = join(folder, 'filler');
  return {
    folder,
    async fill() {
      const file = await open(filler, 'a');
      try {
        // In ever smaller pieces: somebody else may write too.
        for (let piece = 1024 ** 2; piece >= 1; piece /= 4) {
          const zeros = Buffer.alloc(piece);
          while ((await file.write(zeros).catch(endOfRoom)) !== undefined);
        }
      } finally {
        await file.close();
      }
    },
    makeRoom: () => rm(filler),
    async [Symbol.asyncDispose]() {
      // Whoever wrote to it last may not be quite gone.
      await runCommand('umount', ['--lazy', folder]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function endOfRoom(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOSPC') throw error;
}
