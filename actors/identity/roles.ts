/** The roles that a user has in a project. Project ids come from outside: `constructor` is one like any other. */
import type { RoleName, User } from '../../transport/messages/records.ts';

export function rolesIn({ roles }: User, projectId: string): readonly RoleName[] {
  return Object.hasOwn(roles, projectId) ? (roles[projectId] ?? []) : [];
}

/** The ids of the projects that the user has a role in. */
export function projectsOf(user: User): string[] {
  return Object.keys(user.roles).filter((projectId) => rolesIn(user, projectId).length > 0);
}

/** The same user when there is nothing to give. */
export function withRole(user: User, projectId: string, role: RoleName): User {
  const had = rolesIn(user, projectId);
  return had.includes(role) ? user : { ...user, roles: { ...user.roles, [projectId]: [...had, role] } };
}

/** Without one role, or without all that the user has in the project. The same user when there is nothing to take. */
export function withoutRole(user: User, projectId: string, role?: RoleName): User {
  if (!Object.hasOwn(user.roles, projectId)) return user;
  const had = rolesIn(user, projectId);
  const kept = role === undefined ? [] : had.filter((each) => each !== role);
  if (kept.length > 0) return kept.length === had.length ? user : withRoles(user, projectId, kept);
  return { ...user, roles: Object.fromEntries(Object.entries(user.roles).filter(([id]) => id !== projectId)) };
}

function withRoles(user: User, projectId: string, roles: RoleName[]): User {
  return { ...user, roles: { ...user.roles, [projectId]: roles } };
}
