/** Tokens: what a user shows to be known. */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import type { Token } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import { isAdmin } from '../identity/authenticator.ts';
import { missing } from '../records/lookup.ts';
import { openMakeToken } from './make-token.ts';
import type { Writes } from './writes.ts';

export const tokenWrites: Writes = async (on, world) => {
  const { store, clock } = world;
  const [tokens, makeToken] = await Promise.all([store.bucket('token'), openMakeToken(world)]);

  async function shown({ tokenId }: Caller): Promise<Token> {
    const entry = tokenId === undefined ? undefined : await tokens.get(tokenId);
    if (!entry) throw fail('unauthenticated', 'the token is not valid');
    return entry.value;
  }

  on(api.token.create, async ({ userId, projectId, expiresInSeconds, description }, { caller }) => {
    const createdAt = clock.now();
    const asked = expiresInSeconds === undefined ? undefined : createdAt + expiresInSeconds * 1000;
    const isOwn = userId === undefined || userId === caller.userId;
    const expiresAt = lastsUntil(asked, isOwn ? caller.expiresAt : undefined);
    const isSession = isOwn && (await shown(caller)).isSession === true;
    const token: Token = {
      userId: userId ?? caller.userId,
      projectId: projectId ?? caller.projectId,
      ...(description !== undefined && { description }),
      ...(expiresAt !== undefined && { expiresAt }),
      ...(isSession && { isSession }),
      createdAt,
    };
    if (token.userId !== caller.userId && !isAdmin(caller)) {
      throw fail('forbidden', 'field /userId: tokens of others are for administrators', {
        details: { field: '/userId' },
      });
    }
    // A session that was ended in between leaves nothing.
    return makeToken(token, async () => void (await shown(caller)));
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
