/** Users: each sees itself; administrators see all. */
import { api } from '../../transport/messages/api.ts';
import { isAdmin } from '../identity/authenticator.ts';
import { byNameAndId, missing } from '../records/lookup.ts';
import { after, pageOf } from '../records/paging.ts';
import { viewUser } from '../records/user-view.ts';
import type { Reads } from './reads.ts';

export const userReads: Reads = async (on, { store }) => {
  const users = await store.view('user');

  on(api.user.get, ({ id }, { caller }) => {
    const wanted = id ?? caller.userId;
    const user = wanted === caller.userId || isAdmin(caller) ? users.get(wanted) : undefined;
    if (!user) throw missing('user', wanted, '/id');
    return { user: viewUser(user) };
  });

  on(api.user.list, ({ limit, marker }) => {
    const marked = marker === undefined ? undefined : users.get(marker);
    if (marker !== undefined && !marked) throw missing('user', marker, '/marker');
    const sorted = [...users.values()].toSorted(byNameAndId);
    return { users: pageOf(after(sorted, marked, byNameAndId), viewUser, limit) };
  });
};
