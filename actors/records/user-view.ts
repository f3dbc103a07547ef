/** A user as a client sees it. */
import type { UserView } from '../../transport/messages/api/identity.ts';
import type { User } from '../../transport/messages/records.ts';
import { timestamp } from './timestamp.ts';

export function viewUser({ id, name, isEnabled, roles, createdAt }: User): UserView {
  return { id, name, isEnabled, roles, createdAt: timestamp(createdAt) };
}
