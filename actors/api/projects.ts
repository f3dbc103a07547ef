/** Projects, as those who have a role in them see them; administrators see all. */
import { api } from '../../transport/messages/api.ts';
import type { Project } from '../../transport/messages/records.ts';
import { isAdmin } from '../identity/authenticator.ts';
import { projectsOf } from '../identity/roles.ts';
import { byNameAndId, missing } from '../records/lookup.ts';
import { after, pageOf } from '../records/paging.ts';
import { viewProject } from '../records/project-view.ts';
import type { Reads, Request } from './reads.ts';

export const projectReads: Reads = async (on, { store }) => {
  const [projects, users] = await Promise.all([store.view('project'), store.view('user')]);

  function seenBy({ caller }: Request): Project[] {
    if (isAdmin(caller)) return [...projects.values()];
    const user = users.get(caller.userId);
    return user ? projectsOf(user).flatMap((id) => projects.get(id) ?? []) : [];
  }

  function find(id: string, request: Request, field: string): Project {
    const project = seenBy(request).find((each) => each.id === id);
    if (!project) throw missing('project', id, field);
    return project;
  }

  on(api.project.get, ({ id }, request) => ({
    project: viewProject(find(id ?? request.caller.projectId, request, '/id')),
  }));

  on(api.project.list, ({ limit, marker }, request) => {
    const marked = marker === undefined ? undefined : find(marker, request, '/marker');
    const sorted = seenBy(request).toSorted(byNameAndId);
    return { projects: pageOf(after(sorted, marked, byNameAndId), viewProject, limit) };
  });
};
