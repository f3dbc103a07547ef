/** Somebody wants too much of something at once, and is told when to come again. */
import { FailureError } from '../../machines/failure.ts';

export class TooMany extends FailureError {
  readonly retryAfterSeconds: number;

  /** `what` there was too much of. */
  constructor(what: string, waitMs: number) {
    const retryAfterSeconds = Math.ceil(waitMs / 1000);
    const message = `${what}: wait ${retryAfterSeconds} s`;
    super({ code: 'unavailable', message, disposition: 'retry', details: { retryAfterSeconds } });
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
