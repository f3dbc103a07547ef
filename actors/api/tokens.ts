/** Tokens, without their secrets, which nobody has but who was given them. */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { RoleName, Token } from '../../transport/messages/records.ts';
import type { Entry } from '../../transport/nats/bucket.ts';
import { isAdmin } from '../identity/authenticator.ts';
import { missing } from '../records/lookup.ts';
import { after, pageOf } from '../records/paging.ts';
import { viewToken } from '../records/token-view.ts';
import type { Reads } from './reads.ts';

export const tokenReads: Reads = async (on, { store }) => {
  const tokens = await store.view('token');

  on(api.token.get, (_, { caller, tokenId }) => {
    const entry = tokenId === undefined ? undefined : tokens.entry(tokenId);
    if (!entry) throw fail('unauthenticated', 'the token is not valid');
    return { token: viewToken(entry), roles: caller.roles as RoleName[] };
  });

  on(api.token.list, ({ userId, limit, marker }, { caller }) => {
    if (userId !== undefined && userId !== caller.userId && !isAdmin(caller)) {
      throw fail('forbidden', 'field /userId: tokens of others are for administrators', {
        details: { field: '/userId' },
      });
    }
    const ofUser = [...tokens.entries()]
      .filter(({ value }) => value.userId === (userId ?? caller.userId))
      .toSorted(newestFirst);
    const marked = marker === undefined ? undefined : ofUser.find(({ key }) => key === marker);
    if (marker !== undefined && !marked) throw missing('token', marker, '/marker');
    return { tokens: pageOf(after(ofUser, marked, newestFirst), viewToken, limit) };
  });
};

function newestFirst(a: Entry<Token>, b: Entry<Token>): number {
  return b.value.createdAt - a.value.createdAt || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}
