/** A security group: what may reach its members, and what they may reach. */
import Type, { type Static } from 'typebox';
import { Described, Exact, Id, Name, OneOf, Text, Time, Uuid } from '../common.ts';

const PortNumber = (description: string) => Type.Optional(Type.Integer({ minimum: 0, maximum: 65535, description }));

export const SecurityGroupRule = Exact(
  {
    id: Uuid,
    direction: Described(OneOf(['ingress', 'egress']), 'into the instance, or out of it'),
    protocol: Type.Optional(OneOf(['tcp', 'udp', 'icmp'])),
    fromPort: PortNumber('the first port; of icmp: the type'),
    toPort: PortNumber('the last port; of icmp: the code'),
    cidr: Type.Optional(
      Type.String({ maxLength: 43, description: 'the other side: a block of addresses, such as 10.0.0.0/8' }),
    ),
    group: Type.Optional(Described(Name, 'the other side: the members of this group of the project')),
  },
  { title: 'SecurityGroupRule', description: 'what it allows; what it does not say is any' },
);
export type SecurityGroupRule = Static<typeof SecurityGroupRule>;

export const SecurityGroup = Exact({
  id: Uuid,
  name: Name,
  projectId: Id,
  description: Text,
  rules: Type.Array(SecurityGroupRule, { maxItems: 200 }),
  createdAt: Time,
  /** Whether it goes unless an instance turns out to have it: it counts, and nobody new may name it. Any edit ends that. */
  isGoing: Type.Optional(Type.Literal(true)),
});
export type SecurityGroup = Static<typeof SecurityGroup>;
