/** Who may ask for what: projects, users and their tokens. */
import Type, { type Static } from 'typebox';
import { Base64, Exact, Id, Name, OneOf, Text, Time } from '../common.ts';

export const Project = Exact({ id: Id, name: Name, isEnabled: Type.Boolean(), createdAt: Time });
export type Project = Static<typeof Project>;

/** May do everything, everywhere; may change what is the project's; may look at it. */
export const roleNames = ['admin', 'member', 'reader'] as const;
export type RoleName = (typeof roleNames)[number];

/** scrypt's digest of a password, and what it was made with. */
export const StoredPassword = Exact({
  cost: Type.Integer({ minimum: 2, maximum: 2 ** 20 }),
  blockSize: Type.Integer({ minimum: 1, maximum: 32 }),
  parallelization: Type.Integer({ minimum: 1, maximum: 32 }),
  salt: Base64(64, 'random bytes'),
  digest: Base64(128, 'of password and salt'),
});
export type StoredPassword = Static<typeof StoredPassword>;

export const User = Exact({
  id: Id,
  name: Name,
  isEnabled: Type.Boolean(),
  /** Absent: it cannot sign in, and shows the tokens that it is given. */
  password: Type.Optional(StoredPassword),
  /** Project id → roles there. */
  roles: Type.Record(Type.String(), Type.Array(OneOf(roleNames))),
  createdAt: Time,
});
export type User = Static<typeof User>;

/** The key is the lower-case hex SHA-256 of the secret, which is stored nowhere. */
export const Token = Exact({
  userId: Id,
  projectId: Id,
  description: Type.Optional(Text),
  expiresAt: Type.Optional(Time),
  /** Made for who showed a password, or with such a token: it ends when the password is changed. */
  isSession: Type.Optional(Type.Boolean()),
  createdAt: Time,
});
export type Token = Static<typeof Token>;
