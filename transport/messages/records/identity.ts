/** Who may ask for what: projects, users and their tokens. */
import Type, { type Static } from 'typebox';
import { Exact, Id, Name, OneOf, Text, Time } from '../common.ts';

export const Project = Exact({ id: Id, name: Name, isEnabled: Type.Boolean(), createdAt: Time });
export type Project = Static<typeof Project>;

/** May do everything, everywhere; may change what is the project's; may look at it. */
export const roleNames = ['admin', 'member', 'reader'] as const;
export type RoleName = (typeof roleNames)[number];

export const User = Exact({
  id: Id,
  name: Name,
  isEnabled: Type.Boolean(),
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
  createdAt: Time,
});
export type Token = Static<typeof Token>;
