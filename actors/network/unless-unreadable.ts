/**
 * What to do about a record that is there and that nobody here can read, of a later release or damaged: it is somebody's,
 * so it stays as it is, is told of, and keeps nobody from the rest.
 */
import { toFailure } from '../../machines/failure.ts';
import type { Logger } from '../runtime/logger.ts';

/** What `read` resolves with; nothing when the record at the key cannot be read. */
export async function unlessUnreadable<T>(logger: Logger, key: string, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (toFailure(error).code !== 'invalid_request') throw error;
    logger.warn({ key, error }, 'a record that cannot be read is left as it is');
    return undefined;
  }
}
