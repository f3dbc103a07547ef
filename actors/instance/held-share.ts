/** What an instance holds of its host and of its project's quota. */
import type { InstanceFlavor } from '../../machines/instance.ts';
import { holdsShare } from '../../machines/instance-states.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { contextOf, isKnown, stateOf } from './stored-chart.ts';

export type Share = Pick<InstanceFlavor, 'vcpus' | 'memoryMb' | 'rootGb'>;

/** Whether an instance holds anything of a host. Of one whose chart is not known here nobody can tell before it is deleted. */
export function mayHoldShare(record: Pick<Instance, 'chart'>): boolean {
  return isKnown(record) ? holdsShare(stateOf(record)) : record.chart.status === 'active';
}

/** Until a resize is confirmed or reverted: the greater of what it has and of what it had, since it may get that back. */
export function heldShare(record: Instance): Share {
  const { flavor } = record;
  const { previousFlavor } = contextOf(record);
  return previousFlavor ? greaterOf(flavor, previousFlavor) : flavor;
}

export function greaterOf(a: Share, b: Share): Share {
  return {
    vcpus: Math.max(a.vcpus, b.vcpus),
    memoryMb: Math.max(a.memoryMb, b.memoryMb),
    rootGb: Math.max(a.rootGb, b.rootGb),
  };
}
