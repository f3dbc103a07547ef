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

export function createLogger(level: string, file?: string): Logger {
  return pino(
    {
      level,
      base: null,
      redact: { paths: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[secret]' },
      serializers: { error: describeError },
    },
    destination({ dest: file ?? 2, sync: false, mkdir: true }),
  );
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { failure } = error as { failure?: unknown };
  return failure ?? { message: error.message, stack: error.stack };
}
