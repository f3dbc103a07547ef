/**
 * What the two ends of a console send each other over the bus. Every frame says how many bytes were sent before it, by
 * which the other end knows that nothing is missing, and how many of the other's were taken, by which that one knows that
 * it may send more. One without bytes says just that, and that somebody is there.
 *
 * ```
 * kind (1 byte: 0 bytes, 1 end) | sent before (6) | taken (6) | bytes, or for an end why, as JSON
 * ```
 */
import { type Failure, fail } from '../../machines/failure.ts';
import { consoleEnd } from '../messages/console.ts';

export type Frame = { sent: number; taken: number } & (
  | { kind: 'bytes'; bytes: Uint8Array }
  | { kind: 'end'; failure: Failure }
);

const kinds = ['bytes', 'end'] as const;
const countBytes = 6;
const headerBytes = 1 + 2 * countBytes;

export function encodeFrame(frame: Frame): Uint8Array {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt8(kinds.indexOf(frame.kind));
  header.writeUIntBE(frame.sent, 1, countBytes);
  header.writeUIntBE(frame.taken, 1 + countBytes, countBytes);
  const body = frame.kind === 'bytes' ? frame.bytes : Buffer.from(consoleEnd.encode({ failure: frame.failure }));
  return Buffer.concat([header, body]);
}

/** Throws `invalid_request` for what is no frame. */
export function decodeFrame(message: Uint8Array): Frame {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  if (bytes.length < headerBytes) throw fail('invalid_request', `a frame of ${bytes.length} bytes has no header`);
  const kind = kinds[bytes.readUInt8()];
  const sent = bytes.readUIntBE(1, countBytes);
  const taken = bytes.readUIntBE(1 + countBytes, countBytes);
  const body = bytes.subarray(headerBytes);
  if (kind === 'bytes') return { kind, sent, taken, bytes: body };
  if (kind === 'end') return { kind, sent, taken, failure: consoleEnd.decode(body).failure as Failure };
  throw fail('invalid_request', 'a frame of a kind that is not known');
}
