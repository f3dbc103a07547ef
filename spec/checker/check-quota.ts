/** That a project never has more instances than its quota allows, at no moment. */
import type { History } from './history.ts';
import type { Violation } from './violation.ts';

/** `limit`: of the instances of all records; -1 is no limit. */
export function checkQuota({ records }: History, limit: number): Violation[] {
  if (limit < 0) return [];
  const versions = [...records.values()].flat().sort((one, other) => one.revision - other.revision);
  const live = new Set<string>();
  for (const { record } of versions) {
    if (record.vmState === 'deleted') live.delete(record.uuid);
    else live.add(record.uuid);
    if (live.size > limit) {
      const message = `there are ${live.size} instances, and the quota is ${limit}`;
      return [{ invariant: 'quota is never exceeded', message, uuid: record.uuid }];
    }
  }
  return [];
}
