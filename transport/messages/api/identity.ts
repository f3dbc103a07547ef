/** Requests about projects, users, their roles, and the tokens that they show. */
import Type, { type Static } from 'typebox';
import { allows, Described, Exact, Id, Name, OneOf, Sha256, Text, Timestamp } from '../common.ts';
import { roleNames } from '../records.ts';
import { Of, read, write } from './endpoint.ts';
import { markedBy, Nothing, ProjectId, paging, UserId } from './fields.ts';

export const ProjectView = Exact(
  {
    id: Id,
    name: Type.String(),
    isEnabled: Type.Boolean({ description: 'may be used' }),
    createdAt: Timestamp,
  },
  { title: 'Project' },
);
export type ProjectView = Static<typeof ProjectView>;

const ProjectReply = Exact({ project: ProjectView });

export const projectEndpoints = {
  create: write({
    name: 'project.create',
    description: 'Makes a project; its id is made up when none is given. Several may have one name.',
    access: 'admin',
    failures: ['already_exists'],
    request: Exact({ id: Type.Optional(Id), name: Name }),
    reply: ProjectReply,
  }),
  get: read({
    name: 'project.get',
    description:
      'One project that the user has a role in; without an id, the one that the token is for. An administrator sees all.',
    request: Exact({ id: Type.Optional(ProjectId) }),
    reply: ProjectReply,
  }),
  list: read({
    name: 'project.list',
    description: 'The projects that the user has a role in, by name; an administrator sees all.',
    request: Exact({ ...paging, marker: markedBy(ProjectId) }),
    reply: Exact({ projects: Type.Array(ProjectView) }),
  }),
  update: write({
    name: 'project.update',
    description: 'Renames, disables or enables a project. Nobody can use a disabled one; its instances go on.',
    access: 'admin',
    request: Exact({ id: ProjectId, name: Type.Optional(Name), isEnabled: Type.Optional(Type.Boolean()) }),
    reply: ProjectReply,
  }),
  delete: write({
    name: 'project.delete',
    description: 'Deletes a project that has no instances, with its key pairs, groups, quota, tokens and roles.',
    access: 'admin',
    request: Exact({ id: ProjectId }),
    reply: Nothing,
  }),
};

const Role = Described(
  OneOf(roleNames),
  'may do everything, everywhere; may change what is the project’s; may look at it',
);
const Roles = Type.Record(Type.String(), Type.Array(Role), { description: 'project id → roles there' });

export const UserView = Exact(
  {
    id: Id,
    name: Type.String(),
    isEnabled: Type.Boolean({ description: 'may be used' }),
    roles: Roles,
    createdAt: Timestamp,
  },
  { title: 'User' },
);
export type UserView = Static<typeof UserView>;

const secret = { maxLength: 256, writeOnly: true };
const Password = Type.String({ minLength: 1, ...secret, description: 'the password of the user; secret' });
const NewPassword = Type.String({
  minLength: 8,
  ...secret,
  description: 'a password to sign in with, of at least 8 characters; secret',
});

const UserReply = Exact({ user: UserView });

export const userEndpoints = {
  create: write({
    name: 'user.create',
    description: 'Makes a user, without roles; the id is made up when none is given. Several may have one name.',
    access: 'admin',
    failures: ['already_exists', 'too_many_requests'],
    request: Exact({ id: Type.Optional(Id), name: Name, password: Type.Optional(NewPassword) }),
    reply: UserReply,
  }),
  get: read({
    name: 'user.get',
    description: 'One user; without an id, the one that asks. Others are for administrators.',
    request: Exact({ id: Type.Optional(UserId) }),
    reply: UserReply,
  }),
  list: read({
    name: 'user.list',
    description: 'The users, by name.',
    access: 'admin',
    request: Exact({ ...paging, marker: markedBy(UserId) }),
    reply: Exact({ users: Type.Array(UserView) }),
  }),
  update: write({
    name: 'user.update',
    description:
      'Renames, disables or enables a user, or sets its password. A disabled one’s tokens are worth nothing. A ' +
      'new password ends the user’s sessions, but the one that asks; tokens that were made with no password stay.',
    access: 'admin',
    failures: ['too_many_requests'],
    request: Exact({
      id: UserId,
      name: Type.Optional(Name),
      isEnabled: Type.Optional(Type.Boolean()),
      password: Type.Optional(NewPassword),
    }),
    reply: UserReply,
  }),
  setPassword: write({
    name: 'user.set-password',
    description:
      'Changes one’s own password, for who knows the old one. The first one, and one that is forgotten, ' +
      'administrators set with user.update. All sessions of the user end but the one that asks; tokens that were ' +
      'made with no password stay.',
    access: 'reader',
    failures: ['too_many_requests'],
    request: Exact({ oldPassword: Password, password: NewPassword }),
    reply: Nothing,
  }),
  delete: write({
    name: 'user.delete',
    description: 'Deletes a user, with tokens and key pairs; instances stay.',
    access: 'admin',
    request: Exact({ id: UserId }),
    reply: Nothing,
  }),
  grant: write({
    name: 'user.grant',
    description: 'Gives a user a role in a project.',
    access: 'admin',
    request: Exact({ id: UserId, projectId: ProjectId, role: Role }),
    reply: UserReply,
  }),
  revoke: write({
    name: 'user.revoke',
    description: 'Takes a role in a project from a user. The last administrator stays one.',
    access: 'admin',
    request: Exact({ id: UserId, projectId: ProjectId, role: Role }),
    reply: UserReply,
  }),
};

export const roleEndpoints = {
  list: read({
    name: 'role.list',
    description: 'The roles that there are, and what each allows.',
    request: Nothing,
    reply: Exact({ roles: Type.Array(Exact({ name: Role, description: Type.String() })) }),
  }),
};

/** What is known of a token. Its secret is stored nowhere. */
export const TokenView = Exact(
  {
    id: Described(Sha256, 'the SHA-256 of the secret, in lower-case hex'),
    userId: Described(Id, 'as whom it asks'),
    projectId: Described(Id, 'in which project it asks'),
    description: Type.Optional(Text),
    expiresAt: Type.Optional(Described(Timestamp, 'absent: it is valid until it is revoked')),
    createdAt: Timestamp,
  },
  { title: 'Token' },
);
export type TokenView = Static<typeof TokenView>;

const MadeToken = {
  token: TokenView,
  secret: Type.String({ description: 'for the header Authorization: Bearer …' }),
};

/** How long one is signed in. */
export const sessionSeconds = 12 * 3600;

export const PasswordSignIn = Exact({
  user: Described(Name, 'id of a user, or name of the only one that has it'),
  password: Password,
  projectId: Type.Optional(
    Described(Id, 'in which project; absent: the first enabled one that the user was given a role in'),
  ),
});

export const sessionEndpoints = {
  create: write({
    name: 'session.create',
    description:
      `Signs in: a token for who knows the password of a user, valid for ${sessionSeconds / 3600} hours; ` +
      'token.revoke signs out, and a changed password ends it, with every token that was made with it for the user. ' +
      'Whether the user or the password is wrong is not told, and of one user five wrong ones are tried a minute.',
    access: 'anyone',
    failures: ['unauthenticated', 'forbidden', 'quota_exceeded', 'too_many_requests'],
    request: PasswordSignIn,
    reply: Exact({ ...MadeToken, roles: Type.Array(Role) }),
  }),
};

export const tokenEndpoints = {
  create: write({
    name: 'token.create',
    description:
      'Makes a token for a project in which the user has a role; its secret is answered once. One for oneself ' +
      'ends no later than the token that asks; administrators make them also for others.',
    access: 'reader',
    failures: ['quota_exceeded'],
    request: Exact({
      userId: Type.Optional(Described(UserId, 'for whom; absent: for oneself')),
      projectId: Type.Optional(Described(ProjectId, 'for which project; absent: that of the token that asks')),
      expiresInSeconds: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 10 * 365 * 86_400,
          description: 'absent: until it is revoked, or the token that asks ends',
        }),
      ),
      description: Type.Optional(Text),
    }),
    reply: Exact(MadeToken),
  }),
  get: read({
    name: 'token.get',
    description: 'The token that the request shows: who asks, for which project, with which roles.',
    request: Nothing,
    reply: Exact({ token: TokenView, roles: Type.Array(Role) }),
  }),
  list: read({
    name: 'token.list',
    description: 'The user’s own tokens, newest first; administrators may ask for another’s.',
    request: Exact({
      userId: Type.Optional(Described(UserId, 'whose; absent: one’s own')),
      ...paging,
      marker: markedBy(Of('token.list', '/tokens/*/id', Sha256)),
    }),
    reply: Exact({ tokens: Type.Array(TokenView) }),
  }),
  natsUser: write({
    name: 'token.nats-user',
    description:
      'Signs a user of the bus for the token that asks: with it a client of NATS reaches the API, its own answers ' +
      'and the facts of the project; an administrator’s those of all. It ends with the token, after 30 days at the ' +
      'latest, and is signed anew as often as it is asked for.',
    access: 'reader',
    failures: ['unsupported'],
    request: Exact({
      publicKey: Type.String({
        pattern: '^U[A-Z2-7]{55}$',
        ...allows('the public key of a user of NATS'),
        description: 'the public half of an nkey that the client has made',
      }),
    }),
    reply: Exact({
      jwt: Type.String({ description: 'with the seed of the key, what NATS asks for when a client connects' }),
      expiresAt: Timestamp,
    }),
  }),
  revoke: write({
    name: 'token.revoke',
    description: 'Makes a token worthless, at once. One’s own; administrators revoke any.',
    access: 'reader',
    request: Exact({ id: Of('token.list', '/tokens/*/id', Sha256) }),
    reply: Nothing,
  }),
};
