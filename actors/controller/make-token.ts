/** Makes tokens: for who asks for one, and for who signs in. The secret is answered once; what is stored is its digest. */
import { fail } from '../../machines/failure.ts';
import type { TokenView } from '../../transport/messages/api/identity.ts';
import type { Token } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import type { Outcome } from '../../transport/nats/relay.ts';
import { isExpired, tokenDigest } from '../identity/authenticator.ts';
import { rolesIn } from '../identity/roles.ts';
import { missing } from '../records/lookup.ts';
import { viewToken } from '../records/token-view.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { earlierThan, type Made } from './store-order.ts';

const secretBytes = 32;
/** Of one user: whoever may only read makes tokens too, and every part keeps all of them in memory. */
const maxTokens = 1000;

/** Rejects when nobody would be let in with it, or `confirm` does, once it is stored. */
export type MakeToken = (
  token: Token,
  confirm?: () => Promise<void>,
) => Promise<Outcome<{ token: TokenView; secret: string }>>;

export async function openMakeToken({ store, chance }: Pick<Runtime, 'store' | 'chance'>): Promise<MakeToken> {
  const [tokens, view, users, projects] = await Promise.all([
    store.bucket('token'),
    store.view('token'),
    store.bucket('user'),
    store.bucket('project'),
  ]);

  return async (token, confirm) => {
    await refuseUseless(token);
    const secret = chance.bytes(secretBytes).toString('base64url');
    const key = tokenDigest(secret);
    const revision = await tokens.create(key, token);
    if (revision === conflict) throw new Error('two secrets are the same');
    try {
      // Looked at again: user and project may have been deleted in between, with the tokens that they had until then.
      await refuseUseless(token);
      await confirm?.();
      await refuseTooMany(token, { bucket: tokens, view, key, revision });
    } catch (error) {
      await tokens.remove(key, revision);
      throw error;
    }
    return {
      reply: { token: viewToken({ key, value: token }), secret },
      written: [{ bucket: 'token', revision }],
    };
  };

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
