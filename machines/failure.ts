/**
 * A Failure is a foreseen bad outcome, as plain data: it lives in a chart's context, crosses the wire, and is
 * what a client reads. A bug or misuse is an Error instead: thrown, never sent.
 *
 * Match on `code`, never on `message`.
 */

/** Every code a client or a chart may meet. */
export const failureCodes = [
  // the request
  'invalid_request',
  'unauthenticated',
  'forbidden',
  'not_found',
  'conflict',
  'already_exists',
  'quota_exceeded',
  'too_many_requests',
  // the way there
  'unavailable',
  'timeout',
  'cancelled',
  // placement
  'no_valid_host',
  'claim_refused',
  'image_too_large',
  'already_launched',
  'host_down',
  // network
  'no_more_addresses',
  'address_in_use',
  'network_unavailable',
  // hypervisor
  'hypervisor_unavailable',
  'hypervisor_error',
  'image_unavailable',
  'disk_full',
  'domain_lost',
  'disk_lost',
  'unsupported',
  // anything unforeseen, converted in one place
  'internal',
] as const;

export type FailureCode = (typeof failureCodes)[number];

/** What the one who hears of the failure should do: the same again, the same elsewhere, or give up. */
export type Disposition = 'retry' | 'reschedule' | 'abort';

export interface Failure {
  code: FailureCode;
  /** One sentence for a person; names the field or thing at fault. */
  message: string;
  disposition: Disposition;
  /** Machine-readable particulars, such as `{ field: '/flavor' }`. Never a secret. */
  details?: Record<string, unknown>;
  /** The failure that led to this one. */
  cause?: Failure;
}

/** Carries a Failure through `throw`, so that a promise can reject with one. */
export class FailureError extends Error {
  override readonly name = 'FailureError';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(`${failure.code}: ${failure.message}`);
    this.failure = failure;
  }
}

/** Builds the error to throw for a foreseen outcome; `disposition` is `abort` unless said otherwise. */
export function fail(
  code: FailureCode,
  message: string,
  more: { disposition?: Disposition; details?: Record<string, unknown>; cause?: Failure } = {},
): FailureError {
  const { disposition = 'abort', ...rest } = more;
  return new FailureError({ code, message, disposition, ...rest });
}

/** The one place where something unknown that was thrown becomes a Failure. */
export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof FailureError) return thrown.failure;
  if (thrown instanceof DOMException && thrown.name === 'AbortError') {
    return { code: 'cancelled', message: 'the step was cancelled', disposition: 'abort' };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: 'internal', message, disposition: 'abort' };
}
