/** What goes to standard error. */
import type { Failure } from '../../machines/failure.ts';

export function tell(failure: Failure, asJson = false): void {
  process.stderr.write(asJson ? `${JSON.stringify({ failure })}\n` : `kilonova: ${failure.code}: ${failure.message}\n`);
}

export function warn(line: string): void {
  process.stderr.write(`kilonova: ${line}\n`);
}
