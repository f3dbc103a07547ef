/**
 * What becomes of words that cannot be written: nobody reads them any more, or the disk that they go to is full. A client's
 * command is done for then. A process of the cloud goes on, and is heard again when that is possible.
 */
import { fail } from '../../machines/failure.ts';
import { exitCodes } from './exit-codes.ts';
import { tell } from './tell.ts';

const streams = [process.stdout, process.stderr];

export function endWhenUnheard(): void {
  for (const stream of streams) stream.on('error', end);
}

export function goOnUnheard(): void {
  for (const stream of streams) stream.off('error', end).on('error', () => undefined);
}

function end({ code, message }: NodeJS.ErrnoException): void {
  // As `head` does: then there is nothing left to say.
  if (code === 'EPIPE') process.exit();
  for (const stream of streams) stream.off('error', end).on('error', () => process.exit());
  process.exitCode = exitCodes.failed;
  const { failure } = fail('unavailable', `what there is to say cannot be written: ${message}`);
  tell(failure);
  process.exit();
}
