/** A security group as a client sees it. */
import type { SecurityGroupView } from '../../transport/messages/api/security-group.ts';
import type { SecurityGroup } from '../../transport/messages/records.ts';
import { timestamp } from './timestamp.ts';

export function viewSecurityGroup({ createdAt, isGoing: _, ...group }: SecurityGroup): SecurityGroupView {
  return { ...group, createdAt: timestamp(createdAt) };
}
