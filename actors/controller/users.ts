/** Users and their roles. Roles are granted and revoked by compare-and-set, so that each of many at once counts. */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { User } from '../../transport/messages/records.ts';
import { conflict, type Entry } from '../../transport/nats/bucket.ts';
import { withoutRole, withRole } from '../identity/roles.ts';
import { missing } from '../records/lookup.ts';
import { viewUser } from '../records/user-view.ts';
import { Administrators } from './administrators.ts';
import { changeRecord } from './change-record.ts';
import { createWithId } from './create-with-id.ts';
import { removeLeftovers } from './leftovers.ts';
import type { Writes } from './writes.ts';

export const userWrites: Writes = async (on, { store, clock, chance }) => {
  const [users, projects] = await Promise.all([store.bucket('user'), store.bucket('project')]);
  const administrators = new Administrators(store);

  on(api.user.create, async ({ id, name }) =>
    answer(
      id,
      await createWithId(users, chance, 'user', id, (id) => ({
        id,
        name,
        isEnabled: true,
        roles: {},
        createdAt: clock.now(),
      })),
    ),
  );

  on(api.user.update, async ({ id, ...changes }) => {
    const change = (user: User) => ({ ...user, ...changes });
    const undo = (user: User, { name, isEnabled }: User) => ({ ...user, name, isEnabled });
    const changed = await (changes.isEnabled === false
      ? administrators.changeUser(id, { change, undo })
      : changeRecord(users, id, change));
    return answer(id, changed);
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
