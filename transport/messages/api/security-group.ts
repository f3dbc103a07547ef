/** Requests about security groups. They are stored and checked; what enforces them comes with the network engine. */
import Type, { type Static } from 'typebox';
import { Exact, Id, Name, Text, Timestamp, Uuid } from '../common.ts';
import { SecurityGroupRule } from '../records.ts';
import { Of, read, write } from './endpoint.ts';
import { markedBy, Nothing, paging, SecurityGroupName } from './fields.ts';

export const SecurityGroupView = Exact(
  {
    id: Uuid,
    name: Type.String(),
    projectId: Id,
    description: Type.String(),
    rules: Type.Array(SecurityGroupRule),
    createdAt: Timestamp,
  },
  { title: 'SecurityGroup' },
);
export type SecurityGroupView = Static<typeof SecurityGroupView>;

const { id: _, ...rule } = SecurityGroupRule.properties;
const Reply = Exact({ securityGroup: SecurityGroupView });
const OneGroup = Exact({ securityGroup: SecurityGroupName });

export const securityGroupEndpoints = {
  create: write({
    name: 'security-group.create',
    description: 'Makes a group that lets everything out and nothing in.',
    failures: ['already_exists', 'quota_exceeded'],
    request: Exact({ name: Name, description: Type.Optional(Text) }),
    reply: Reply,
  }),
  get: read({
    name: 'security-group.get',
    description: 'One group of the project, by name.',
    request: OneGroup,
    reply: Reply,
  }),
  list: read({
    name: 'security-group.list',
    description: 'The groups of the project, by name.',
    request: Exact({ ...paging, marker: markedBy(SecurityGroupName) }),
    reply: Exact({ securityGroups: Type.Array(SecurityGroupView) }),
  }),
  update: write({
    name: 'security-group.update',
    description: 'Changes the description of a group.',
    request: Exact({ securityGroup: SecurityGroupName, description: Text }),
    reply: Reply,
  }),
  delete: write({
    name: 'security-group.delete',
    description: 'Deletes a group that no instance and no rule of another group uses. The default group stays.',
    request: OneGroup,
    reply: Nothing,
  }),
  addRule: write({
    name: 'security-group.add-rule',
    description:
      'Allows more traffic: of a protocol and its ports (of icmp: type and code), from or to a block of addresses or ' +
      'the members of a group. What is not given is any.',
    failures: ['already_exists', 'quota_exceeded'],
    request: Exact({ securityGroup: SecurityGroupName, ...rule }),
    reply: Reply,
  }),
  removeRule: write({
    name: 'security-group.remove-rule',
    description: 'Takes a rule away.',
    request: Exact({
      securityGroup: SecurityGroupName,
      ruleId: Of('security-group.list', '/securityGroups/*/rules/*/id', Uuid),
    }),
    reply: Reply,
  }),
};
