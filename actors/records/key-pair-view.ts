/** A key pair as its user sees it. */
import type { KeyPairView } from '../../transport/messages/api/key-pair.ts';
import type { KeyPair } from '../../transport/messages/records.ts';
import { timestamp } from './timestamp.ts';

export function viewKeyPair({ name, fingerprint, publicKey, createdAt }: KeyPair): KeyPairView {
  return { name, fingerprint, publicKey, createdAt: timestamp(createdAt) };
}
