/** Users and their roles. Roles are granted and revoked by compare-and-set, so that each of many at once counts. */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import type { User } from '../../transport/messages/records.ts';
import { conflict, type Entry } from '../../transport/nats/bucket.ts';
import { withoutRole, withRole } from '../identity/roles.ts';
import { missing } from '../records/lookup.ts';
import { viewUser } from '../records/user-view.ts';
import { Administrators } from './administrators.ts';
import { changeRecord } from './change-record.ts';
import { createWithId } from './create-with-id.ts';
import { endSessions } from './end-sessions.ts';
import { removeLeftovers } from './leftovers.ts';
import type { Writes } from './writes.ts';

export const userWrites: Writes = async (on, { store, clock, chance, passwords }) => {
  const [users, projects] = await Promise.all([store.bucket('user'), store.bucket('project')]);
  const administrators = new Administrators(store);

  const stored = async ({ userId }: Caller, password: string | undefined) =>
    password === undefined ? {} : { password: await passwords.store([userId], password) };

  on(api.user.create, async ({ id, name, password }, { caller }) => {
    const more = await stored(caller, password);
    const make = (id: string) => ({ id, name, isEnabled: true, ...more, roles: {}, createdAt: clock.now() });
    return answer(id, await createWithId(users, chance, 'user', id, make));
  });

  on(api.user.update, async ({ id, password, ...rest }, { caller }) => {
    const changes = { ...rest, ...(await stored(caller, password)) };
    const change = (user: User) => ({ ...user, ...changes });
    const undo = ({ password: _, ...user }: User, { name, isEnabled, password }: User) => ({
      ...user,
      name,
      isEnabled,
      ...(password && { password }),
    });
    const changed = await (changes.isEnabled === false
      ? administrators.changeUser(id, { change, undo })
      : changeRecord(users, id, change));
    const { reply, written } = answer(id, changed);
    const ended = password === undefined ? [] : await endSessions(store, id, caller.tokenId);
    return { reply, written: [...written, ...ended] };
  });

  on(api.user.setPassword, async ({ oldPassword, password }, { caller }) => {
    const { userId: id, tokenId } = caller;
    const entry = await users.get(id);
    if (!entry?.value.password) {
      throw fail('conflict', 'the user has no password yet: an administrator sets the first one');
    }
    const asked = { whose: id, password: oldPassword, stored: entry.value.password };
    if (!(await passwords.check(['user', id], asked))) {
      throw fail('forbidden', 'field /oldPassword: that is not the password', { details: { field: '/oldPassword' } });
    }
    const value = { ...entry.value, ...(await stored(caller, password)) };
    const revision = await users.update(id, value, entry.revision);
    // Whoever changed it meanwhile may have changed the password.
    if (revision === conflict) throw fail('conflict', 'the user was changed just now', { disposition: 'retry' });
    return { reply: {}, written: [{ bucket: 'user', revision }, ...(await endSessions(store, id, tokenId))] };
  });

  on(api.user.delete, async ({ id }) => {
    // Disabled first: while it is being taken apart, nothing new is made for it.
    const disabled = await administrators.changeUser(id, {
      change: (user) => ({ ...user, isEnabled: false }),
      undo: (user, { isEnabled }) => ({ ...user, isEnabled }),
    });
    if (!disabled) throw missing('user', id, '/id');
    const { revision } = disabled;
    if ((await users.remove(id, revision)) === conflict) {
      throw fail('conflict', `user ${id} was changed just now`, { disposition: 'retry' });
    }
    const left = await removeLeftovers(store, ({ userId }) => userId === id);
    return { reply: {}, written: [{ bucket: 'user', revision, removed: id }, ...left] };
  });

  on(api.user.grant, async ({ id, projectId, role }) => {
    if (!(await projects.get(projectId))) throw missing('project', projectId, '/projectId');
    const changed = await changeRecord(users, id, (user) => withRole(user, projectId, role));
    if (!(await projects.get(projectId))) {
      // It went in between, and may have taken its roles with it before this one came.
      await changeRecord(users, id, (user) => withoutRole(user, projectId));
      throw missing('project', projectId, '/projectId');
    }
    return answer(id, changed);
  });

  on(api.user.revoke, async ({ id, projectId, role }) => {
    const change = (user: User) => withoutRole(user, projectId, role);
    const undo = (user: User) => withRole(user, projectId, role);
    const changed = await (role === 'admin'
      ? administrators.changeUser(id, { change, undo })
      : changeRecord(users, id, change));
    return answer(id, changed);
  });
};

function answer(id: string | undefined, entry: Entry<User> | undefined) {
  if (!entry) throw missing('user', id ?? '', '/id');
  return {
    reply: { user: viewUser(entry.value) },
    written: [{ bucket: 'user' as const, revision: entry.revision }],
  };
}
