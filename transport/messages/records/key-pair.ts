/** The public key of a user, in a project. */
import Type, { type Static } from 'typebox';
import { Exact, Id, Name, Time } from '../common.ts';

export const KeyPair = Exact({
  name: Name,
  projectId: Id,
  userId: Id,
  publicKey: Type.String({ maxLength: 16384 }),
  fingerprint: Type.String(),
  createdAt: Time,
});
export type KeyPair = Static<typeof KeyPair>;
