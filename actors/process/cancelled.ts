/** What an aborted step rejects with: the failure it was aborted with, or `cancelled`. */
import { FailureError, fail } from '../../machines/failure.ts';

export function cancelled(signal: AbortSignal | undefined): FailureError {
  const reason: unknown = signal?.reason;
  return reason instanceof FailureError ? reason : fail('cancelled', 'the step was cancelled');
}
