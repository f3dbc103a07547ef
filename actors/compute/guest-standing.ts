/** What a guest on a host is to that host, by the instance's record. Pure. */
import { isGuestless } from '../../machines/instance-states.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { mayHoldShare } from '../instance/held-share.ts';
import { isSameOwner } from '../instance/owner-name.ts';
import { contextOf, isKnown, stateOf } from '../instance/stored-chart.ts';

/**
 * `stale`: a copy that must not be: the instance is elsewhere, deleted, or holds nothing; or a guest of one that has none
 * yet, or none any more, as far as the store knows, which has gone back. Of a chart that is not known here nobody can tell.
 */
export type Standing = 'ours' | 'stale' | 'unknown';

/** Whether the host has the instance's life in its hands. */
export function isOurs({ owner, chart }: Instance, host: string): boolean {
  return isSameOwner(owner, { host }) && chart.status === 'active';
}

export function standingOf(record: Instance | undefined, host: string, hasGuest: boolean): Standing {
  if (!record) return 'unknown';
  const isSpare = hasGuest && isKnown(record) && isGuestless(stateOf(record));
  return isOurs(record, host) && mayHoldShare(record) && !isSpare ? 'ours' : 'stale';
}

/** Whether an instance may go on, somewhere, with the disks that it has on shared storage. Once it may not, it never will. */
export function mayNeedDisks(record: Pick<Instance, 'chart'>): boolean {
  return record.chart.status === 'active' && mayHoldShare(record);
}

/** Whether the instance is being moved away from this host, and comes back to it should that fail. */
export function mayReturn(record: Pick<Instance, 'chart'>, host: string): boolean {
  return record.chart.status === 'active' && contextOf(record).lostHost === host;
}

/** Why it is stale, for an operator. */
export function whyStale(record: Instance, host: string): string {
  const { owner, chart } = record;
  if (chart.status !== 'active') return 'the instance is deleted';
  if (owner === 'control') return 'the instance is on no host now';
  return owner.host === host ? `the instance is ${stateOf(record)}` : `the instance is on host ${owner.host} now`;
}
