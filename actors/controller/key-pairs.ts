/** Key pairs of a user in a project. A private key is answered once and kept nowhere. */
import sshpk from 'sshpk';
import { fail } from '../../machines/failure.ts';
import type { Clock } from '../../transport/clock.ts';
import type { CreateKeyPair } from '../../transport/messages/api/key-pair.ts';
import { api } from '../../transport/messages/api.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import type { KeyPair } from '../../transport/messages/records.ts';
import { type Bucket, conflict } from '../../transport/nats/bucket.ts';
import { viewKeyPair } from '../records/key-pair-view.ts';
import { keyPairKey } from '../records/keys.ts';
import { missing } from '../records/lookup.ts';
import { removeRecord } from './remove-record.ts';
import { nameTaken } from './store-order.ts';
import { keepWithinQuota } from './within-quota.ts';
import type { Writes } from './writes.ts';

const maxCommentLength = 255;

export const keyPairWrites: Writes = async (on, { store, clock }) => {
  const [keyPairs, view] = await Promise.all([store.bucket('keyPair'), store.view('keyPair')]);

  on(api.keyPair.create, async (request, { caller }) => {
    const { keyPair, privateKey, revision } = await createKeyPair(keyPairs, clock, request, caller);
    const { projectId, userId } = caller;
    const made = { bucket: keyPairs, view, key: keyPairKey(caller, request.name), revision };
    const isOwn = (each: KeyPair) => each.projectId === projectId && each.userId === userId;
    await keepWithinQuota(made, store, 'keyPairs', projectId, isOwn);
    return {
      reply: { keyPair: viewKeyPair(keyPair), ...(privateKey !== undefined && { privateKey }) },
      written: [{ bucket: 'keyPair', revision }],
    };
  });

  on(api.keyPair.delete, async ({ name }, { caller }) => {
    const key = keyPairKey(caller, name);
    return { reply: {}, written: await removeRecord(store, 'keyPair', key, () => missing('key pair', name, '/name')) };
  });
};

interface CreatedKeyPair {
  keyPair: KeyPair;
  privateKey?: string;
  revision: number;
}

/** Rejects with `already_exists`, or `invalid_request` when the public key is none. */
async function createKeyPair(
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
  if (revision === conflict) throw nameTaken('key pair', name);
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
