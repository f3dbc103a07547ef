/** What a project may have. */
import type { Quota } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';

/** Nova's, and what Neutron gives of security groups. */
export const defaultQuota: Quota = {
  instances: 10,
  vcpus: 20,
  memoryMb: 51_200,
  keyPairs: 100,
  serverGroups: 10,
  securityGroups: 10,
};

export function quotaOf(quotas: View<Quota>, projectId: string): Quota {
  return quotas.get(projectId) ?? defaultQuota;
}
