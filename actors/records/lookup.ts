/** Finds what a request names by id or name; each miss names its field. */
import { type FailureError, fail, toFailure } from '../../machines/failure.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { encodeToken } from '../../transport/nats/subjects.ts';
import type { View } from '../../transport/nats/view.ts';
import { isAdmin, maySee } from '../identity/authenticator.ts';

/** Records that are everybody's, or a project's. */
interface Shareable {
  projectId?: string;
}

/** Whether the project may use the record. */
export const isUsableBy =
  (projectId: string) =>
  (record: Shareable): boolean =>
    record.projectId === undefined || record.projectId === projectId;

/** Whether the caller may look at it: administrators see everything. */
export const isSeenBy =
  (caller: Caller) =>
  (record: Shareable): boolean =>
    isAdmin(caller) || isUsableBy(caller.projectId)(record);

/**
 * Whether the caller may mean it by that id or name. What is another project's, administrators reach by its id alone, so
 * that its name does not get in their way.
 */
export const isMeantBy =
  (caller: Caller, idOrName: string) =>
  (record: Shareable & { id: string }): boolean =>
    isUsableBy(caller.projectId)(record) || (isAdmin(caller) && record.id === idOrName);

/** Rejects with `not_found`, or with `conflict` when several have the name. */
export function named<T extends { id: string; name: string }>(
  view: View<T>,
  idOrName: string,
  what: string,
  field: string,
  isVisible: (record: T) => boolean = () => true,
): T {
  const byId = view.get(encodeToken(idOrName));
  if (byId && isVisible(byId)) return byId;
  const [found, ...others] = [...view.values()].filter((record) => record.name === idOrName && isVisible(record));
  if (!found) throw missing(what, idOrName, field);
  if (others.length > 0) {
    throw fail('conflict', `there are ${others.length + 1} ${what}s named ${JSON.stringify(idOrName)}: name it by id`, {
      details: { field },
    });
  }
  return found;
}

/**
 * What `look` finds in the view, or `not_found` only when the view has caught up: a client may name, at one controller,
 * what it has just made through another.
 */
export async function found<T>(view: View<unknown>, look: () => T): Promise<T> {
  try {
    return look();
  } catch (error) {
    if (toFailure(error).code !== 'not_found') throw error;
    await view.caughtUp();
    return look();
  }
}

/** The instance, when it is the caller's to see; else there is none, as far as the caller can tell: `not_found`. */
export function seenInstance(instance: Instance | undefined, caller: Caller, uuid: string, field = '/uuid'): Instance {
  if (!instance || !maySee(caller, instance.projectId)) throw missing('instance', uuid, field);
  return instance;
}

export function missing(what: string, name: string, field: string): FailureError {
  return fail('not_found', `there is no ${what} ${JSON.stringify(name)} (field ${field})`, { details: { field } });
}

export function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

export function byNameAndId(a: { name: string; id: string }, b: { name: string; id: string }): number {
  return byName(a, b) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
