/** Requests about key pairs: each user has their own in each project. */
import Type, { type Static } from 'typebox';
import { Exact, Name, Timestamp } from '../common.ts';
import { read, write } from './endpoint.ts';
import { KeyPairName, markedBy, Nothing, paging } from './fields.ts';

export const CreateKeyPair = Exact({
  name: Name,
  publicKey: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 16_384,
      description: 'an OpenSSH public key to import; absent, a pair is made and its private half answered, once',
    }),
  ),
});
export type CreateKeyPair = Static<typeof CreateKeyPair>;

export const KeyPairView = Exact(
  {
    name: Type.String(),
    fingerprint: Type.String({ description: 'as ssh-keygen shows it: SHA256:…' }),
    publicKey: Type.String({ description: 'a line of authorized_keys' }),
    createdAt: Timestamp,
  },
  { title: 'KeyPair' },
);
export type KeyPairView = Static<typeof KeyPairView>;

const OneKeyPair = Exact({ name: KeyPairName });

export const keyPairEndpoints = {
  create: write({
    name: 'key-pair.create',
    description: 'Makes a key pair, or imports a public key.',
    failures: ['already_exists', 'quota_exceeded'],
    request: CreateKeyPair,
    reply: Exact({
      keyPair: KeyPairView,
      privateKey: Type.Optional(
        Type.String({ description: 'in OpenSSH’s format; of a pair that was made, answered this once' }),
      ),
    }),
  }),
  get: read({
    name: 'key-pair.get',
    description: 'One key pair of the user in the project.',
    request: OneKeyPair,
    reply: Exact({ keyPair: KeyPairView }),
  }),
  list: read({
    name: 'key-pair.list',
    description: 'The key pairs of the user in the project, by name.',
    request: Exact({ ...paging, marker: markedBy(KeyPairName) }),
    reply: Exact({ keyPairs: Type.Array(KeyPairView) }),
  }),
  delete: write({
    name: 'key-pair.delete',
    description: 'Deletes a key pair; instances keep its public key.',
    request: OneKeyPair,
    reply: Nothing,
  }),
};
