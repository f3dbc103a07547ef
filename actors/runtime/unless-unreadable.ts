/**
 * What to do about a record that is there and that nobody here can read, of a later release or damaged: it is somebody's,
 * so it stays as it is, is told of, and keeps nobody from the rest.
 */
import { type Failure, toFailure } from '../../machines/failure.ts';
import { raiseAlarm } from './alarms.ts';
import type { Logger } from './logger.ts';
import type { Runtime } from './runtime.ts';

/** What `read` resolves with; nothing when the record at the key cannot be read. */
export function unlessUnreadable<T>(logger: Logger, key: string, read: () => Promise<T>): Promise<T | undefined> {
  return unless(read, (failure) => logger.warn({ key, failure }, 'a record that cannot be read is left as it is'));
}

/** As `unlessUnreadable`, where an operator has to see to it: `meanwhile` says what becomes of it until then. */
export function alarmIfUnreadable<T>(runtime: Runtime, meanwhile: string, read: () => Promise<T>) {
  return unless(read, ({ message }) =>
    raiseAlarm(runtime, { kind: 'record-unreadable', message: `${message}. ${meanwhile}` }),
  );
}

async function unless<T>(read: () => Promise<T>, tell: (failure: Failure) => void): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    const failure = toFailure(error);
    if (failure.code !== 'invalid_request') throw error;
    tell(failure);
    return undefined;
  }
}
