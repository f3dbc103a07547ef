/**
 * That a cloud always has an administrator: an enabled user who has the role in an enabled project.
 *
 * What might take the last one away is looked at twice. Before it is written, so that on a quiet cloud nothing ever has
 * to be taken back. And after: of several that go at once, two users or a user and a project, whoever wrote last sees
 * that none is left, whichever controller it was; and each who sees it takes its own change back.
 */
import { fail } from '../../machines/failure.ts';
import type { Project, User } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import type { Store } from '../runtime/store.ts';
import { type Changed, changeRecord } from './change-record.ts';

/** What is about to be written in place of what is stored. */
interface Planned {
  user?: User;
  project?: Project;
}

interface Change<T> {
  change: (record: T) => T;
  /** Makes of what the record has become since what it was `before`, as far as the change went. */
  undo: (record: T, before: T) => T;
}

export class Administrators {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Rejects with `conflict` when nobody else would be an administrator. `undefined`: there is no such user. */
  async changeUser(id: string, change: Change<User>): Promise<Changed<User> | undefined> {
    return this.#change(await this.#store.bucket('user'), id, change, (user) => ({ user }));
  }

  /** As `changeUser`, for a project. */
  async changeProject(id: string, change: Change<Project>): Promise<Changed<Project> | undefined> {
    return this.#change(await this.#store.bucket('project'), id, change, (project) => ({ project }));
  }

  async #change<T>(
    bucket: Bucket<T>,
    id: string,
    { change, undo }: Change<T>,
    plan: (record: T) => Planned,
  ): Promise<Changed<T> | undefined> {
    const changed = await changeRecord(bucket, id, async (record) => {
      const next = change(record);
      if (!(await this.#isAnyLeft(plan(next)))) throw noneLeft();
      return next;
    });
    if (!changed || (await this.#isAnyLeft({}))) return changed;
    await changeRecord(bucket, id, (record) => undo(record, changed.before));
    throw noneLeft();
  }

  async #isAnyLeft(planned: Planned): Promise<boolean> {
    const [users, projects] = await Promise.all([this.#store.view('user'), this.#store.view('project')]);
    await Promise.all([users.caughtUp(), projects.caughtUp()]);
    const isEnabled = (projectId: string) =>
      (planned.project?.id === projectId ? planned.project : projects.get(projectId))?.isEnabled ?? false;
    return [...users.values()]
      .map((user) => (planned.user?.id === user.id ? planned.user : user))
      .some(
        (user) =>
          user.isEnabled &&
          Object.entries(user.roles).some(([projectId, roles]) => roles.includes('admin') && isEnabled(projectId)),
      );
  }
}

function noneLeft() {
  return fail('conflict', 'the cloud would be left without an administrator');
}
