/** The roles that there are. */
import { api } from '../../transport/messages/api.ts';
import { type RoleName, roleNames } from '../../transport/messages/records.ts';
import type { Reads } from './reads.ts';

const descriptions: Record<RoleName, string> = {
  admin: 'May do everything, in every project.',
  member: 'May see and change what is of the project.',
  reader: 'May see what is of the project.',
};

export const roleReads: Reads = (on) => {
  const roles = roleNames.map((name) => ({ name, description: descriptions[name] }));
  on(api.role.list, () => ({ roles }));
};
