/**
 * Ids that follow from what they name (RFC 4122, version 5), so that making a thing twice makes one thing: whoever
 * repeats a step after a crash arrives at the same id.
 */
import { createHash } from 'node:crypto';

/** Kilonova's own namespace: a random UUID, once and for ever. Changing it changes every id that was ever derived. */
const namespace = Buffer.from('6f0d3b0e9c4c4f7ea1d5c4f1b7a2e953', 'hex');

/** The UUID of what `parts` name together; their order and their borders count: ('ab', 'c') is not ('a', 'bc'). */
export function nameUuid(...parts: string[]): string {
  const digest = createHash('sha1').update(namespace).update(JSON.stringify(parts)).digest();
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = digest.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Whether the uuid follows from what it names; others are drawn by chance. */
export function isNamed(uuid: string): boolean {
  return uuid[14] === '5';
}
