/** Who a process is, as an owner of instances: the control plane, or a host. */
import type { Instance } from '../../transport/messages/records.ts';

export type OwnerName = Instance['owner'];

export function isSameOwner(a: OwnerName, b: OwnerName): boolean {
  return a === 'control' || b === 'control' ? a === b : a.host === b.host;
}
