/** Requests about server groups: where instances want to be, in relation to each other. */
import Type, { type Static } from 'typebox';
import { Exact, Id, Name, Timestamp, Uuid } from '../common.ts';
import { ServerGroup } from '../records.ts';
import { read, write } from './endpoint.ts';
import { IdOrName, markedBy, Nothing, paging } from './fields.ts';

export const ServerGroupView = Exact(
  {
    id: Uuid,
    name: Type.String(),
    projectId: Id,
    policy: ServerGroup.properties.policy,
    members: Type.Array(Uuid, { description: 'uuids of its instances' }),
    createdAt: Timestamp,
  },
  { title: 'ServerGroup' },
);
export type ServerGroupView = Static<typeof ServerGroupView>;

const ServerGroupRef = IdOrName('server-group.list', '/serverGroups/*/id', 'a server group');
const OneGroup = Exact({ serverGroup: ServerGroupRef });
const Reply = Exact({ serverGroup: ServerGroupView });

export const serverGroupEndpoints = {
  create: write({
    name: 'server-group.create',
    description: 'Makes a group; instances join it with `hints.group` when they are created.',
    failures: ['already_exists', 'quota_exceeded'],
    request: Exact({ name: Name, policy: ServerGroup.properties.policy }),
    reply: Reply,
  }),
  get: read({
    name: 'server-group.get',
    description: 'One group of the project, by id or name.',
    request: OneGroup,
    reply: Reply,
  }),
  list: read({
    name: 'server-group.list',
    description: 'The groups of the project, by name.',
    request: Exact({ ...paging, marker: markedBy(ServerGroupRef) }),
    reply: Exact({ serverGroups: Type.Array(ServerGroupView) }),
  }),
  delete: write({
    name: 'server-group.delete',
    description: 'Deletes a group; its instances stay where they are.',
    request: OneGroup,
    reply: Nothing,
  }),
};
