/** What an operator reads of something that was gone for a while. */
import type { OutageListener } from '../../transport/nats/outage.ts';
import type { Logger } from './logger.ts';

/** Both as warnings: whoever reads that it is gone reads that it is back. */
export function outageLog(logger: Logger, what: string): OutageListener {
  return {
    gone: (failure) => logger.warn({ failure }, `${what} cannot be heard: it is tried again until it is`),
    back: (awayMs) => logger.warn({ awayMs }, `${what} is heard again`),
  };
}
