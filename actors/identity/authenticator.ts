/** Who is behind a token, and what they may do. Tokens are known by their digest only. */
import { createHash } from 'node:crypto';
import { FailureError, fail } from '../../machines/failure.ts';
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

/**
 * Both reject with `unauthenticated` or `forbidden`; with `timeout` or `unavailable` when that is so by what this part has
 * heard, and the store does not say whether it has heard all.
 */
export interface Authenticator {
  /** Whoever shows the token, when they may use the endpoint. */
  admit(endpoint: Access, tokenId: string | undefined): Promise<Caller>;
  /** The caller, vouched for by another part, when they still are there and may use the endpoint. */
  admitAgain(endpoint: Access, caller: Caller | undefined): Promise<Caller>;
}

type Access = Pick<Endpoint<unknown, unknown>, 'name' | 'access'>;

export async function openAuthenticator({ store, clock }: Runtime): Promise<Authenticator> {
  const [tokens, users, projects] = await Promise.all([store.view('token'), store.view('user'), store.view('project')]);

  function callerBehind(tokenId: string): Caller {
    const token = tokens.get(tokenId);
    if (!token || isExpired(token, clock.now())) throw fail('unauthenticated', 'the token is not valid');
    return callerOf({ ...token, tokenId }, users, projects);
  }

  return {
    async admit(endpoint, tokenId) {
      if (endpoint.access === 'anyone') return nobody;
      if (tokenId === undefined) throw fail('unauthenticated', 'the header Authorization must be: Bearer <token>');
      return decide(() => allowed(endpoint, callerBehind(tokenId)), [tokens, users, projects]);
    },
    async admitAgain(endpoint, caller) {
      if (endpoint.access === 'anyone') return nobody;
      if (!caller) throw fail('unauthenticated', 'the message speaks for nobody');
      return decide(() => allowed(endpoint, callerOf(caller, users, projects)), [users, projects]);
    },
  };
}

/** Nobody is refused for what this part has yet to hear of: a token made, or a role given, a moment ago by another. */
async function decide(decision: () => Caller, views: View<unknown>[]): Promise<Caller> {
  try {
    return decision();
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    await Promise.all(views.map((view) => view.caughtUp()));
    return decision();
  }
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

function allowed({ name, access }: Access, caller: Caller): Caller {
  if (access === 'admin' && !isAdmin(caller)) throw fail('forbidden', `only administrators may ask for ${name}`);
  if (access === 'member' && !isAdmin(caller) && !caller.roles.includes('member')) {
    throw fail('forbidden', 'the role of the user only allows to read');
  }
  return caller;
}

/** Whether something of that project is the caller's to see; what is not is reported as not found. */
export function maySee(caller: Caller, projectId: string): boolean {
  return isAdmin(caller) || caller.projectId === projectId;
}
