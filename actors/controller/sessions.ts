/** Signing in: a token for who knows a password. Nothing tells whether there is the user, not even the time it takes. */
import { fail } from '../../machines/failure.ts';
import { sessionSeconds } from '../../transport/messages/api/identity.ts';
import { api } from '../../transport/messages/api.ts';
import type { Token, User } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';
import { projectsOf, rolesIn } from '../identity/roles.ts';
import { openMakeToken } from './make-token.ts';
import type { Writes } from './writes.ts';

export const sessionWrites: Writes = async (on, world) => {
  const { store, clock, passwords } = world;
  const [users, storedUsers, projects, makeToken] = await Promise.all([
    store.view('user'),
    store.bucket('user'),
    store.view('project'),
    openMakeToken(world),
  ]);

  on(api.session.create, async ({ user: idOrName, password, projectId }, { context }) => {
    // The user may have been made just now, or the password set, at another controller.
    await users.caughtUp();
    const user = userNamed(users, idOrName);
    const asked = { whose: user?.id ?? idOrName, password, stored: user?.password };
    const isRight = await passwords.check(context.asker ?? [], asked);
    if (!isRight || !user?.isEnabled) throw wrong();
    const project = projectId ?? projectsOf(user).find((id) => projects.get(id)?.isEnabled);
    if (project === undefined) throw fail('forbidden', 'the user has no role in any project that may be used');
    const createdAt = clock.now();
    const token: Token = {
      userId: user.id,
      projectId: project,
      description: 'signed in',
      expiresAt: createdAt + sessionSeconds * 1000,
      isSession: true,
      createdAt,
    };
    // Whoever changed the password in between has ended the sessions that there were then.
    const made = await makeToken(token, async () => {
      const now = await storedUsers.get(user.id);
      if (now?.value.password?.digest !== user.password?.digest) throw wrong();
    });
    return { ...made, reply: { ...made.reply, roles: [...rolesIn(user, project)] } };
  });
};

function wrong() {
  return fail('unauthenticated', 'the user or the password is wrong');
}

/** One whose name others have too has to be named by id. */
function userNamed(users: View<User>, idOrName: string): User | undefined {
  const byId = users.get(idOrName);
  if (byId) return byId;
  const [user, ...others] = [...users.values()].filter(({ name }) => name === idOrName);
  return others.length === 0 ? user : undefined;
}
