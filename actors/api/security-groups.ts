/** The security groups of a project. */
import { api } from '../../transport/messages/api.ts';
import { securityGroupKey } from '../records/keys.ts';
import { byName, missing } from '../records/lookup.ts';
import { after, pageOf } from '../records/paging.ts';
import { viewSecurityGroup } from '../records/security-group-view.ts';
import type { Reads } from './reads.ts';

export const securityGroupReads: Reads = async (on, { store }) => {
  const groups = await store.view('securityGroup');

  on(api.securityGroup.get, ({ securityGroup: name }, { caller }) => {
    const group = groups.get(securityGroupKey(caller.projectId, name));
    if (!group) throw missing('security group', name, '/securityGroup');
    return { securityGroup: viewSecurityGroup(group) };
  });

  on(api.securityGroup.list, ({ limit, marker }, { caller }) => {
    const own = [...groups.values()].filter(({ projectId }) => projectId === caller.projectId).toSorted(byName);
    const marked = marker === undefined ? undefined : own.find(({ name }) => name === marker);
    if (marker !== undefined && !marked) throw missing('security group', marker, '/marker');
    return { securityGroups: pageOf(after(own, marked, byName), viewSecurityGroup, limit) };
  });
};
