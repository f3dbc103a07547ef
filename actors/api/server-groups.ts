/** Server groups of the project, and who is in them. */
import { api } from '../../transport/messages/api.ts';
import type { ServerGroup } from '../../transport/messages/records.ts';
import { byNameAndId, isMeantBy, named } from '../records/lookup.ts';
import { after, pageOf } from '../records/paging.ts';
import { ServerGroupViews } from '../records/server-group-view.ts';
import type { Reads, Request } from './reads.ts';

export const serverGroupReads: Reads = async (on, { store }) => {
  const groups = await store.view('serverGroup');
  const views = new ServerGroupViews(await store.view('instance'));

  function find(idOrName: string, field: string, { caller }: Request): ServerGroup {
    return named(groups, idOrName, 'server group', field, isMeantBy(caller, idOrName));
  }

  on(api.serverGroup.get, ({ serverGroup }, request) => ({
    serverGroup: views.of(find(serverGroup, '/serverGroup', request)),
  }));

  on(api.serverGroup.list, ({ limit, marker }, request) => {
    const own = [...groups.values()]
      .filter(({ projectId }) => projectId === request.caller.projectId)
      .toSorted(byNameAndId);
    const marked = marker === undefined ? undefined : find(marker, '/marker', request);
    return { serverGroups: pageOf(after(own, marked, byNameAndId), (group) => views.of(group), limit) };
  });
};
