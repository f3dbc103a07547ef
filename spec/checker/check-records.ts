/** What must hold of the records as they follow each other, whatever happens to the cloud meanwhile. */
import { contextOf, deadlineOf, stateOf } from '../../actors/instance/stored-chart.ts';
import type { InstanceContext } from '../../machines/instance.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { History, RecordSeen } from './history.ts';
import type { Violation } from './violation.ts';

/** How late a deadline may be kept, when all goes well: a sweep has to come by, and the way out be stored (ms). */
const slackMs = 30_000;

/** `healedAt`: when the last fault was over; whoever was away has to come back before it can keep a deadline. */
export function checkRecords({ records, doubles, losses }: History, healedAt: number): Violation[] {
  const violations: Violation[] = doubles.map(({ uuid, hosts }) => ({
    invariant: 'no instance has two domains',
    message: `its guests are active on ${hosts.join(' and ')}, and neither host was declared down`,
    uuid,
  }));
  for (const { uuid, state } of losses) {
    violations.push({
      invariant: 'a shared disk stays',
      message: `it was removed, and the instance was ${state}`,
      uuid,
    });
  }
  for (const [uuid, versions] of records) {
    const broken = (invariant: string, message: string) => violations.push({ invariant, uuid, message });
    let wasRestored = false;
    for (const [index, seen] of versions.entries()) {
      const before = versions[index - 1];
      wasRestored ||= seen.isRestored === true;
      if (before && !seen.isRestored) checkStep(before, seen, wasRestored, broken);
    }
    checkDeadlines(versions, healedAt, broken);
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

/** A state that waits is left by its deadline. */
function checkDeadlines(versions: RecordSeen[], healedAt: number, broken: Broken): void {
  for (const [index, { record }] of versions.entries()) {
    const deadline = deadlineOf(record);
    if (deadline === undefined) continue;
    const left = versions.slice(index + 1).find((later) => stateOf(later.record) !== stateOf(record));
    if (!left) continue;
    const latest = Math.max(deadline, healedAt) + slackMs;
    if (left.at > latest) {
      broken('each deadline is kept', `${stateOf(record)} was left ${left.at - latest} ms after it had to be`);
    }
  }
}

function ownerOf({ owner }: Instance): string {
  return owner === 'control' ? owner : owner.host;
}
