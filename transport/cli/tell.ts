/** What is told beside what was asked for. */
import type { Failure } from '../../machines/failure.ts';
import { printableJson, printableLines } from './client/format-value.ts';

export function tell(failure: Failure, asJson = false): void {
  const { code, message } = failure;
  process.stderr.write(asJson ? `${printableJson({ failure })}\n` : `kilonova: ${code}: ${printableLines(message)}\n`);
}

export function warn(line: string): void {
  sayOn(process.stderr)(`kilonova: ${line}`);
}

/** Tells it whoever runs a part, also in the words of others: those of an alarm, or of a failure. */
export function sayOn(stream: NodeJS.WritableStream): (line: string) => void {
  return (line) => void stream.write(`${printableLines(line)}\n`);
}
