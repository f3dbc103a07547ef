/** The group that a project has whether or not anybody made it. */

import type { Clock } from '../../transport/clock.ts';
import type { SecurityGroup } from '../../transport/messages/records.ts';
import { type Bucket, conflict } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';
import { securityGroupKey } from '../records/keys.ts';
import { nameUuid } from '../runtime/name-uuid.ts';

export const defaultSecurityGroup = 'default';

export interface SecurityGroups {
  readonly bucket: Bucket<SecurityGroup>;
  readonly view: View<SecurityGroup>;
  readonly clock: Clock;
}

/** Makes it when there is none: Nova's ensure_default_security_group. Resolves when the view shows it. */
export async function ensureDefaultSecurityGroup(
  { bucket, view, clock }: SecurityGroups,
  projectId: string,
): Promise<void> {
  const name = defaultSecurityGroup;
  const key = securityGroupKey(projectId, name);
  if (view.get(key)) return;
  const revision = await bucket.create(key, {
    id: nameUuid('security-group', projectId, name),
    name,
    projectId,
    description: 'The group of an instance that names none: its members may reach each other, and everything else.',
    rules: [
      { id: nameUuid('security-group-rule', projectId, name, 'ingress'), direction: 'ingress', group: name },
      { id: nameUuid('security-group-rule', projectId, name, 'egress'), direction: 'egress' },
    ],
    createdAt: clock.now(),
  });
  await (revision === conflict ? view.caughtUp() : view.reached(revision));
}
