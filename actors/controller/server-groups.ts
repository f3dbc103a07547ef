/** Makes and deletes server groups, within the quota. */
import { api } from '../../transport/messages/api.ts';
import type { ServerGroup } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import { found, isMeantBy, missing, named } from '../records/lookup.ts';
import { viewServerGroup } from '../records/server-group-view.ts';
import { removeRecord } from './remove-record.ts';
import { keepWithinQuota } from './within-quota.ts';
import type { Writes } from './writes.ts';

export const serverGroupWrites: Writes = async (on, { store, clock, chance }) => {
  const [groups, view] = await Promise.all([store.bucket('serverGroup'), store.view('serverGroup')]);

  on(api.serverGroup.create, async ({ name, policy }, { caller: { projectId } }) => {
    const group: ServerGroup = { id: chance.uuid(), name, projectId, policy, createdAt: clock.now() };
    const revision = await groups.create(group.id, group);
    if (revision === conflict) throw new Error(`the id ${group.id} was made up twice`);
    const made = { bucket: groups, view, key: group.id, revision };
    await keepWithinQuota(made, store, 'serverGroups', projectId, (each) => each.projectId === projectId);
    return { reply: { serverGroup: viewServerGroup(group, []) }, written: [{ bucket: 'serverGroup', revision }] };
  });

  on(api.serverGroup.delete, async ({ serverGroup }, { caller }) => {
    const isMeant = isMeantBy(caller, serverGroup);
    const { id } = await found(view, () => named(view, serverGroup, 'server group', '/serverGroup', isMeant));
    const absent = () => missing('server group', serverGroup, '/serverGroup');
    return { reply: {}, written: await removeRecord(store, 'serverGroup', id, absent) };
  });
};
