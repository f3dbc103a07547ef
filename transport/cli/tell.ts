/** What goes to standard error. */
import type { Failure } from '../../machines/failure.ts';
import { printableJson, printableLines } from './client/format-value.ts';

export function tell(failure: Failure, asJson = false): void {
  const { code, message } = failure;
  process.stderr.write(asJson ? `${printableJson({ failure })}\n` : `kilonova: ${code}: ${printableLines(message)}\n`);
}

export function warn(line: string): void {
  process.stderr.write(`kilonova: ${printableLines(line)}\n`);
}
