/** What the permissions of a connection's user do not allow, as the server tells of it. */
import { errors } from 'nats';
import { type FailureError, fail } from '../../machines/failure.ts';

export interface Refusal {
  operation: 'publish' | 'subscribe';
  subject: string;
}

/** Of what the client throws: the error itself, or the one of a request that it befell. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof errors.RequestError) return refusalOf(error.cause);
  if (!(error instanceof errors.PermissionViolationError)) return undefined;
  const { operation, subject } = error;
  return { operation: operation === 'publish' ? 'publish' : 'subscribe', subject };
}

export function notPermitted({ operation, subject }: Refusal): FailureError {
  const what = `${operation} ${subject}`;
  return fail('forbidden', `the NATS user of this process may not ${what}: it has other credentials (--creds)`);
}
