/** Lets a bridge send packets back through the port they came by: so a guest reaches itself by its floating IP. */
import { toFailure } from '../../machines/failure.ts';
import { runInNamespace } from '../process/in-namespace.ts';

const deadlineMs = 10_000;

/**
 * Idempotent. Resolves with `false` when the device is in no Linux bridge: as in Nova that is no error, for such a switch
 * sees to it by itself. Rejects with a FailureError.
 */
export async function enableHairpin(tap: string, signal: AbortSignal, networkNamespace?: string): Promise<boolean> {
  const path = `/sys/class/net/${tap}/brport/hairpin_mode`;
  try {
    await runInNamespace(networkNamespace, 'tee', [path], { input: '1', signal, deadlineMs });
    return true;
  } catch (error) {
    const { details } = toFailure(error);
    if (typeof details?.stderr === 'string' && details.stderr.includes('No such file')) return false;
    throw error;
  }
}
