/**
 * A host whose record cannot be read, of a later release or damaged, is left out until it can: nobody knows whether another
 * process runs it, nor what an operator wants of it. The other parts of its process do without.
 */
import { FailureError } from '../../machines/failure.ts';
import { every } from '../../transport/clock.ts';
import { hostKey } from '../records/keys.ts';
import type { Part, Runtime } from '../runtime/runtime.ts';
import { alarmIfUnreadable } from '../runtime/unless-unreadable.ts';

/** How often it is looked again (ms). */
const lookAgainMs = 5_000;

/** Resolves with what `start` starts, or, while the record cannot be read, with what goes on trying to. */
export async function onceReadable(runtime: Runtime, name: string, start: () => Promise<Part>): Promise<Part> {
  const { store, clock, logger } = runtime;
  const hosts = await store.bucket('host');
  const look = () => hosts.look(hostKey(name));
  if (await alarmIfUnreadable(runtime, `Until then host ${name} is left out`, look)) return start();

  const broken = Promise.withResolvers<FailureError>();
  let trying: Promise<Part | undefined> = Promise.resolve(undefined);
  async function tryAgain(): Promise<Part | undefined> {
    try {
      await look();
      const host = await start();
      stopTrying();
      void host.broken?.then(broken.resolve);
      logger.info({ host: name }, 'a host that was left out has started');
      return host;
    } catch (error) {
      // As when it is started: another process runs it, or this one may not.
      if (error instanceof FailureError && ['conflict', 'forbidden'].includes(error.failure.code)) {
        stopTrying();
        broken.resolve(error);
      }
      logger.warn({ host: name, error }, 'a host is still left out');
      return undefined;
    }
  }
  const stopTrying = every(clock, lookAgainMs, async () => {
    trying = tryAgain();
    await trying;
  });
  return {
    broken: broken.promise,
    async stop() {
      stopTrying();
      await (await trying)?.stop();
    },
  };
}
