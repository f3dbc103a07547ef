/** Key pairs of a user in a project. A private key is answered once and kept nowhere. */
import sshpk from 'sshpk';
import { fail } from '../../machines/failure.ts';
import type { CreateKeyPair } from '../../transport/messages/api.ts';
import type { KeyPair } from '../../transport/messages/records.ts';
import { type Bucket, conflict } from '../../transport/nats/bucket.ts';
import type { Caller } from '../../transport/nats/call-context.ts';
import type { Clock } from '../runtime/clock.ts';
import { keyPairKey } from './catalog.ts';

const maxCommentLength = 255;

export interface CreatedKeyPair {
  keyPair: KeyPair;
  privateKey?: string;
  revision: number;
}

/** Rejects with `already_exists`, or `invalid_request` when the public key is none. */
export async function createKeyPair(
  bucket: Bucket<KeyPair>,
  clock: Clock,
  { name, publicKey }: CreateKeyPair,
  caller: Caller,
): Promise<CreatedKeyPair> {
  const generated = publicKey === undefined ? sshpk.generatePrivateKey('ed25519') : undefined;
  const key = generated?.toPublic() ?? parsePublicKey(publicKey ?? '');
  const comment = `${caller.userId}@${caller.projectId}`;
  key.comment = key.comment && key.comment !== '(unnamed)' ? key.comment : comment;
  const keyPair: KeyPair = {
    name,
    projectId: caller.projectId,
    userId: caller.userId,
    publicKey: key.toString('ssh'),
    fingerprint: key.fingerprint('sha256').toString(),
    createdAt: clock.now(),
  };
  const revision = await bucket.create(keyPairKey(caller, name), keyPair);
  if (revision === conflict) {
    throw fail('already_exists', `there is a key pair ${JSON.stringify(name)} already`, {
      details: { field: '/name' },
    });
  }
  return { keyPair, revision, ...(generated && { privateKey: generated.toString('openssh') }) };
}

/** One line of `authorized_keys`, without options: what else is in the text would end up in the guest's. */
function parsePublicKey(text: string): sshpk.Key {
  const line = text.trim();
  try {
    if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(line.replaceAll('\t', ' '))) throw new TypeError('it is not one line of text');
    const key = sshpk.parseKey(line, 'ssh');
    if ((key.comment?.length ?? 0) > maxCommentLength) throw new TypeError('its comment is too long');
    return key;
  } catch {
    throw fail('invalid_request', 'field /publicKey is not an OpenSSH public key', {
      details: { field: '/publicKey' },
    });
  }
}
