/** A new file that only its owner can read. */
import { writeFile } from 'node:fs/promises';
import { fail } from '../../machines/failure.ts';

/** Refuses a file that is there: it may hold what nobody has a copy of. */
export async function writeSecret(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw fail('already_exists', `${path} is there already, and is not overwritten`);
    throw fail('invalid_request', `--output cannot be written: ${message}`);
  }
}
