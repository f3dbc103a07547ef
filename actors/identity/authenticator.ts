/** Who is behind a token, and what they may do. Tokens are known by their digest only. */
import { createHash } from 'node:crypto';
import { fail } from '../../machines/failure.ts';
import type { Endpoint } from '../../transport/messages/api/endpoint.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import type { Project, Token, User } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { rolesIn } from './roles.ts';

/** The key of a token's record. */
export function tokenDigest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** The key of the token that an `Authorization: Bearer …` value shows; nothing when it shows none. */
export function tokenIdOf(authorization: string | undefined): string | undefined {
  const [, secret] = /^Bearer ([\x21-\x7e]{1,512})$/.exec(authorization ?? '') ?? [];
  return secret && tokenDigest(secret);
}

export interface Authenticator {
  /** The caller behind a token. Throws `unauthenticated`. */
  authenticate(tokenId: string | undefined): Caller;
  /** That the caller, vouched for by another part, still exists and is enabled. Throws `unauthenticated`. */
  confirm(caller: Caller | undefined): Caller;
}

export async function openAuthenticator({ store, clock }: Runtime): Promise<Authenticator> {
  const [tokens, users, projects] = await Promise.all([store.view('token'), store.view('user'), store.view('project')]);
  return {
    authenticate(tokenId) {
      if (tokenId === undefined) throw fail('unauthenticated', 'the header Authorization must be: Bearer <token>');
      const token = tokens.get(tokenId);
      if (!token || isExpired(token, clock.now())) throw fail('unauthenticated', 'the token is not valid');
      return callerOf({ ...token, tokenId }, users, projects);
    },
    confirm(caller) {
      if (!caller) throw fail('unauthenticated', 'the message speaks for nobody');
      return callerOf(caller, users, projects);
    },
  };
}

export function isExpired({ expiresAt }: Token, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}

function callerOf(
  { userId, projectId, tokenId, expiresAt }: Omit<Caller, 'roles'>,
  users: View<User>,
  projects: View<Project>,
): Caller {
  const user = users.get(userId);
  const roles = user ? [...rolesIn(user, projectId)] : [];
  if (!user?.isEnabled || roles.length === 0) throw fail('unauthenticated', 'the user may not use the project');
  if (!projects.get(projectId)?.isEnabled) throw fail('unauthenticated', 'the project is disabled');
  return {
    userId,
    projectId,
    roles,
    ...(tokenId !== undefined && { tokenId }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

export function isAdmin({ roles }: Caller): boolean {
  return roles.includes('admin');
}

/** Somebody whom only endpoints for anyone know. */
const nobody: Caller = { userId: '', projectId: '', roles: [] };

/** Whoever asks, when they may. Throws `unauthenticated` or `forbidden`. */
export function admit({ name, access }: Endpoint<unknown, unknown>, authenticate: () => Caller): Caller {
  if (access === 'anyone') return nobody;
  const caller = authenticate();
  if (access === 'admin' && !isAdmin(caller)) throw fail('forbidden', `${name} is for administrators`);
  if (access === 'member' && !isAdmin(caller) && !caller.roles.includes('member')) {
    throw fail('forbidden', 'the role of the user only allows to read');
  }
  return caller;
}

/** Whether something of that project is the caller's to see; what is not is reported as not found. */
export function maySee(caller: Caller, projectId: string): boolean {
  return isAdmin(caller) || caller.projectId === projectId;
}
