/** Reads the end of a guest's serial console log. */
import { open } from 'node:fs/promises';

/** Empty when the guest has written none yet. Bytes that are no UTF-8 become replacement characters. */
export async function readConsoleLog(path: string, maxBytes: number): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const length = Math.min(size, maxBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}
