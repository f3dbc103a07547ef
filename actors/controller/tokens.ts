/** Tokens: what a user shows to be known. */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { Token } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import { isAdmin } from '../identity/authenticator.ts';
import { missing } from '../records/lookup.ts';
import { openMakeToken } from './make-token.ts';
import type { Writes } from './writes.ts';

export const tokenWrites: Writes = async (on, world) => {
  const { store, clock } = world;
  const [tokens, makeToken] = await Promise.all([store.bucket('token'), openMakeToken(world)]);

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
    return makeToken(token);
  });

  on(api.token.revoke, async ({ id }, { caller }) => {
    const entry = await tokens.get(id);
    // Somebody else's is as good as none.
    if (!entry || (entry.value.userId !== caller.userId && !isAdmin(caller))) throw missing('token', id, '/id');
    // A token is never changed: who is late finds it gone.
    if ((await tokens.remove(id, entry.revision)) === conflict) throw missing('token', id, '/id');
    return { reply: {}, written: [{ bucket: 'token', revision: entry.revision, removed: id }] };
  });
};

/** Whoever shows a token that ends cannot make themselves one that outlives it. */
function lastsUntil(asked: number | undefined, most: number | undefined): number | undefined {
  if (asked === undefined || most === undefined) return asked ?? most;
  return Math.min(asked, most);
}
