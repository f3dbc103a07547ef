/**
 * Makes the ISO 9660 image of a config drive (label config-2, Rock Ridge and Joliet) with genisoimage.
 *
 * The bytes are secrets: they may hold a password. They wait for genisoimage in a folder of mode 0700, which is
 * removed whatever happens, and the image has mode 0600 from its first byte. Neither appears in an error or in an
 * argument. Repeating replaces what an interrupted run left; aborting kills genisoimage and leaves nothing.
 */
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cancelled } from '../process/cancelled.ts';
import { runCommand } from '../process/run-command.ts';
import type { ConfigDriveFiles } from './config-drive.ts';

const deadlineMs = 120_000;

/** Writes `path`; its folder exists and belongs to this guest alone. Throws errors of the file system as they are. */
export async function writeConfigDriveIso(
  path: string,
  files: ConfigDriveFiles,
  options: { genisoimage: string; signal: AbortSignal },
): Promise<void> {
  const { genisoimage, signal } = options;
  const input = `${path}.input`;
  const partial = `${path}.partial`;
  try {
    await rm(input, { recursive: true, force: true });
    await rm(partial, { force: true });
    await mkdir(input, { mode: 0o700 });
    for (const [name, bytes] of files) {
      if (signal.aborted) throw cancelled(signal);
      const file = join(input, name);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeFile(file, bytes, { mode: 0o600, flag: 'wx' });
    }
    // genisoimage would create it readable for everyone; it keeps the mode of a file that is there.
    await (await open(partial, 'wx', 0o600)).close();
    await runCommand(
      genisoimage,
      ['-quiet', '-J', '-r', '-V', 'config-2', '-input-charset', 'utf-8', '-o', partial, input],
      { signal, deadlineMs },
    );
    await rename(partial, path);
  } finally {
    await rm(input, { recursive: true, force: true });
    await rm(partial, { force: true });
  }
}
