/** Structured logs, one JSON line each, on standard error. Secrets are cut out by name, wherever they stand. */
import { destination, type Logger, pino } from 'pino';

export type { Logger };

const secrets = [
  'adminPassword',
  'password',
  'oldPassword',
  'userData',
  'files',
  'privateKey',
  'secret',
  'token',
  'authorization',
];

/** How much may wait to be written (bytes); what comes then is lost. */
const mostWaiting = 16 * 1024 ** 2;

export function createLogger(level: string, file?: string): Logger {
  const lines = destination({ dest: file ?? 2, sync: false, mkdir: true, maxLength: mostWaiting });
  const { flushSync } = lines;
  // What a full disk does not take is written with the next line. A process that ends would try it for ever.
  lines.on('error', () => {
    lines.flushSync = () => undefined;
  });
  lines.on('drain', () => {
    lines.flushSync = flushSync;
  });
  return pino(
    {
      level,
      base: null,
      redact: { paths: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[secret]' },
      serializers: { error: describeError },
    },
    lines,
  );
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { failure } = error as { failure?: unknown };
  return failure ?? { message: error.message, stack: error.stack };
}
