/** Tokens: what a user shows to be known. The secret is answered once; what is stored is its digest. */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { Token } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import { isAdmin, isExpired, tokenDigest } from '../identity/authenticator.ts';
import { rolesIn } from '../identity/roles.ts';
import { missing } from '../records/lookup.ts';
import { viewToken } from '../records/token-view.ts';
import { earlierThan, type Made } from './store-order.ts';
import type { Writes } from './writes.ts';

const secretBytes = 32;
/** Of one user: whoever may only read makes tokens too, and every part keeps all of them in memory. */
const maxTokens = 1000;

export const tokenWrites: Writes = async (on, { store, clock, chance }) => {
  const [tokens, view, users, projects] = await Promise.all([
    store.bucket('token'),
    store.view('token'),
    store.bucket('user'),
    store.bucket('project'),
  ]);

  on(api.token.create, async ({ userId, projectId, expiresInSeconds, description }, { caller }) => {
    const createdAt = clock.now();
    const asked = expiresInSeconds === undefined ? undefined : createdAt + expiresInSeconds * 1000;
    const expiresAt = lastsUntil(
      asked,
      userId === undefined || userId === caller.userId ? caller.expiresAt : undefined,
    );
    const token: Token = {
      userId: userId ?? caller.userId,
      projectId: projectId ?? caller.projectId,
      ...(description !== undefined && { description }),
      ...(expiresAt !== undefined && { expiresAt }),
      createdAt,
    };
    if (token.userId !== caller.userId && !isAdmin(caller)) {
      throw fail('forbidden', 'field /userId: tokens of others are for administrators', {
        details: { field: '/userId' },
      });
    }
    await refuseUseless(token);
    const secret = chance.bytes(secretBytes).toString('base64url');
    const key = tokenDigest(secret);
    const revision = await tokens.create(key, token);
    if (revision === conflict) throw new Error('two secrets are the same');
    try {
      // Looked at again: user and project may have been deleted in between, with the tokens that they had until then.
      await refuseUseless(token);
      await refuseTooMany(token, { bucket: tokens, view, key, revision });
    } catch (error) {
      await tokens.remove(key, revision);
      throw error;
    }
    return {
      reply: { token: viewToken({ key, value: token }), secret },
      written: [{ bucket: 'token', revision }],
    };
  });

  on(api.token.revoke, async ({ id }, { caller }) => {
    const entry = await tokens.get(id);
    // Somebody else's is as good as none.
    if (!entry || (entry.value.userId !== caller.userId && !isAdmin(caller))) throw missing('token', id, '/id');
    // A token is never changed: who is late finds it gone.
    if ((await tokens.remove(id, entry.revision)) === conflict) throw missing('token', id, '/id');
    return { reply: {}, written: [{ bucket: 'token', revision: entry.revision, removed: id }] };
  });

  /** Rejects when nobody would be let in with the token. */
  async function refuseUseless({ userId, projectId }: Token): Promise<void> {
    const [user, project] = await Promise.all([users.get(userId), projects.get(projectId)]);
    if (!user) throw missing('user', userId, '/userId');
    if (rolesIn(user.value, projectId).length === 0) {
      throw fail('forbidden', `field /projectId: the user has no role in ${projectId}`, {
        details: { field: '/projectId' },
      });
    }
    if (!user.value.isEnabled) throw disabled('/userId', `user ${userId}`);
    if (!project?.value.isEnabled) throw disabled('/projectId', `project ${projectId}`);
  }
};

/** Whoever shows a token that ends cannot make themselves one that outlives it. */
function lastsUntil(asked: number | undefined, most: number | undefined): number | undefined {
  if (asked === undefined || most === undefined) return asked ?? most;
  return Math.min(asked, most);
}

/** Rejects with `quota_exceeded` when the user's earlier tokens are as many as there may be. */
async function refuseTooMany({ userId, createdAt }: Token, made: Made<Token>): Promise<void> {
  const isCounted = (each: Token) => each.userId === userId && !isExpired(each, createdAt);
  if ((await earlierThan(made, isCounted)).length < maxTokens) return;
  throw fail('quota_exceeded', `user ${userId} has ${maxTokens} tokens: one must be revoked before another is made`, {
    details: { limit: maxTokens },
  });
}

function disabled(field: string, what: string) {
  return fail('conflict', `field ${field}: ${what} is disabled`, { details: { field } });
}
