/** Finds what a request names by id or name; each miss names its field. */
import { type FailureError, fail } from '../../machines/failure.ts';
import type { Caller } from '../../transport/nats/call-context.ts';
import { encodeToken } from '../../transport/nats/subjects.ts';
import type { View } from '../../transport/nats/view.ts';
import { isAdmin } from '../identity/authenticator.ts';

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

export function missing(what: string, name: string, field: string): FailureError {
  return fail('not_found', `there is no ${what} ${JSON.stringify(name)} (field ${field})`, { details: { field } });
}

export function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
