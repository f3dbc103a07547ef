/** Tells a full disk from other trouble, whether our own write or a program's met it. */
import { FailureError, fail } from '../../machines/failure.ts';
import { commandTrouble } from '../process/run-command.ts';

const fullDiskCodes = new Set(['ENOSPC', 'EDQUOT']);
/** strerror of the same, in the English that runCommand asks for. */
const fullDiskText = /No space left on device|Disk quota exceeded/;

/** What to throw instead of `thrown`: `disk_full` for a full disk, itself otherwise. */
export function toDiskFailure(thrown: unknown): unknown {
  if (thrown instanceof FailureError) {
    const isFull = fullDiskText.test(commandTrouble(thrown.failure)?.stderr ?? '');
    return isFull ? diskFull(thrown) : thrown;
  }
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code;
  return code !== undefined && fullDiskCodes.has(code) ? diskFull() : thrown;
}

function diskFull(cause?: FailureError): FailureError {
  return fail('disk_full', 'the disk for images and instances is full on this host', {
    disposition: 'reschedule',
    ...(cause ? { cause: cause.failure } : {}),
  });
}
