/** A file that only its owner can read, and that nobody ever reads half of. */
import { rename, rm, writeFile } from 'node:fs/promises';

/** Takes the place of one that is there. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const aside = `${path}.${process.pid}`;
  try {
    await writeFile(aside, text, { mode: 0o600 });
    await rename(aside, path);
  } finally {
    await rm(aside, { force: true });
  }
}
