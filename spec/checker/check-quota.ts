/** That a project never has more instances than its quota allows, at no moment. */
import type { History } from './history.ts';
import type { Violation } from './violation.ts';

/** `limit`: of the instances of all records; -1 is no limit. */
export function checkQuota({ records, forgotten }: History, limit: number): Violation[] {
  if (limit < 0) return [];
  const versions = [...records.values()].flat().map(({ at, revision, record: { uuid, vmState } }) => {
    return { at, revision, uuid, isLive: vmState !== 'deleted' };
  });
  const ends = forgotten.map(({ at, uuid }) => ({ at, revision: 0, uuid, isLive: false }));
  const live = new Set<string>();
  // Revisions alone do not tell: those that a store has lost it gives out again.
  for (const { uuid, isLive } of [...versions, ...ends].sort((a, b) => a.at - b.at || a.revision - b.revision)) {
    if (isLive) live.add(uuid);
    else live.delete(uuid);
    if (live.size > limit) {
      const message = `there are ${live.size} instances, and the quota is ${limit}`;
      return [{ invariant: 'quota is never exceeded', message, uuid }];
    }
  }
  return [];
}
