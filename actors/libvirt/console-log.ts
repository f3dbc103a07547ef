/** Reads the end of a guest's serial console log. */
import { open } from 'node:fs/promises';

/** virtlogd's default max_backups, and some more: it moves a log that has grown to `.0`, that to `.1`, and so on. */
const mostBackups = 9;

/**
 * The last `maxBytes`, also of what virtlogd has moved away. Empty when the guest has written nothing yet. Bytes that are
 * no UTF-8 become replacement characters.
 */
export async function readConsoleLog(path: string, maxBytes: number): Promise<string> {
  const parts: Buffer[] = [];
  let wanted = maxBytes;
  for (let backup = -1; backup < mostBackups && wanted > 0; backup += 1) {
    const part = await readEnd(backup < 0 ? path : `${path}.${backup}`, wanted);
    if (part === undefined) break;
    parts.unshift(part);
    wanted -= part.length;
  }
  return Buffer.concat(parts).toString('utf8');
}

async function readEnd(path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const length = Math.min(size, maxBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
