/** What a codec does with bytes that nobody vouches for. */
import { type Failure, FailureError } from '../../machines/failure.ts';
import type { Codec } from '../../transport/messages/codec.ts';

/** Why the bytes are refused; nothing when they are accepted. Whatever else is thrown comes through. */
export function refusalOf(codec: Codec<unknown>, bytes: Uint8Array | string): Failure | undefined {
  try {
    codec.decode(Buffer.from(bytes));
    return undefined;
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
    throw error;
  }
}
