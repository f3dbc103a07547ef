/** What must hold of the records as they follow each other, whatever happens to the cloud meanwhile. */
import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import type { InstanceContext } from '../../machines/instance.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { History, RecordSeen } from './history.ts';
import type { Violation } from './violation.ts';

export function checkRecords({ records, doubles }: History): Violation[] {
  const violations: Violation[] = doubles.map(({ uuid, hosts }) => ({
    invariant: 'no instance has two domains',
    message: `its guests are active on ${hosts.join(' and ')}, and neither host was declared down`,
    uuid,
  }));
  for (const [uuid, versions] of records) {
    const broken = (invariant: string, message: string) => violations.push({ invariant, uuid, message });
    let wasRestored = false;
    for (const [index, seen] of versions.entries()) {
      const before = versions[index - 1];
      wasRestored ||= seen.isRestored === true;
      if (before && !seen.isRestored) checkStep(before, seen, wasRestored, broken);
    }
  }
  return violations;
}

type Broken = (invariant: string, message: string) => void;

/** `wasRestored`: a cast may be under way that knows a later past, whose host then has the instance. */
function checkStep(
  { record: before, revision: at }: RecordSeen,
  { record, revision }: RecordSeen,
  wasRestored: boolean,
  broken: Broken,
) {
  const [from, to] = [before, record].map(contextOf) as [InstanceContext, InstanceContext];
  const step = `${stateOf(before)} (attempt ${from.attempt}) → ${stateOf(record)} (attempt ${to.attempt})`;
  if (revision <= at) broken('no record moves backwards', `revision ${revision} after ${at}`);
  if (to.attempt < from.attempt) broken('no record moves backwards', `an earlier attempt: ${step}`);
  if (before.chart.status === 'done' && record.chart.status !== 'done') {
    broken('no record moves backwards', `a deleted instance came back: ${step}`);
  }
  if (from.launchedAt !== undefined && to.launchedAt !== from.launchedAt) {
    broken('no record moves backwards', `launched at ${to.launchedAt} after ${from.launchedAt}`);
  }
  if (from.isDeleteWanted && !to.isDeleteWanted) {
    broken('no record moves backwards', `a deletion was forgotten: ${step}`);
  }
  const [owner, next] = [ownerOf(before), ownerOf(record)];
  if (owner !== next && owner !== 'control' && next !== 'control' && !wasRestored) {
    broken('an instance has one owner', `${owner} handed it to ${next} without the control plane: ${step}`);
  }
}

function ownerOf({ owner }: Instance): string {
  return owner === 'control' ? owner : owner.host;
}
