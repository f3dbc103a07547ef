/** Somebody wants too much of something at once, and is told when to come again. */
import { type Failure, type FailureError, fail } from '../../machines/failure.ts';

/** `what` there was too much of. */
export function tooMany(what: string, waitMs: number): FailureError {
  const retryAfterSeconds = Math.ceil(waitMs / 1000);
  const more = { disposition: 'retry', details: { retryAfterSeconds } } as const;
  return fail('too_many_requests', `${what}: wait ${retryAfterSeconds} s`, more);
}

/** When to come again (s); nothing where that is no help, or not known. */
export function retryAfterOf({ code, details }: Failure): number | undefined {
  const seconds = details?.retryAfterSeconds;
  if (typeof seconds === 'number') return seconds;
  return code === 'unavailable' ? 1 : undefined;
}
