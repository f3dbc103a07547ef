/** That a state that waits is left by its deadline, unless whoever has to do so cannot. */
import { restoredAtLeastMs } from '../../actors/instance/chart-snapshot.ts';
import { deadlineOf, stateOf } from '../../actors/instance/stored-chart.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Disturbance, History } from './history.ts';
import type { Violation } from './violation.ts';

/** How late a deadline may be kept, when all goes well: a sweep has to come by, and the way out be stored (ms). */
const slackMs = 30_000;
/** How long a process takes to be there again, and to see what it has (ms). */
const returnMs = 60_000;

/** `healedAt`: when the last fault was over; whoever was away has to come back before it can keep a deadline. */
export function checkDeadlines({ unbroken, disturbances }: History, healedAt: number): Violation[] {
  const violations: Violation[] = [];
  for (const [uuid, versions] of unbroken) {
    for (const [index, { at, record }] of versions.entries()) {
      const deadline = deadlineFrom(at, record);
      if (deadline === undefined) continue;
      const left = versions.slice(index + 1).find((later) => stateOf(later.record) !== stateOf(record));
      if (!left) continue;
      const latest =
        (disturbances ? lastsUntil(at, deadline, ownerOf(record), disturbances) : Math.max(deadline, healedAt)) +
        slackMs;
      if (left.at <= latest) continue;
      const message = `${stateOf(record)} was left ${left.at - latest} ms after it had to be`;
      violations.push({ invariant: 'each deadline is kept', message, uuid });
    }
  }
  return violations;
}

/** An effect begins when its state is stored, or restored, and then has some time, however late that is. */
function deadlineFrom(at: number, record: Instance): number | undefined {
  const stored = deadlineOf(record);
  return stored === undefined ? undefined : Math.max(stored, at + restoredAtLeastMs);
}

/** Until when a wait may last: an owner that was disturbed during it has some time to come back, and then that of what is restored. */
function lastsUntil(from: number, deadline: number, owner: string, disturbances: readonly Disturbance[]): number {
  const others = disturbances.filter(({ of }) => owner === 'control' || of === undefined || of === owner);
  let until = deadline;
  for (const { at, until: end } of others.toSorted((one, other) => one.at - other.at)) {
    if (at > until + slackMs || end < from) continue;
    until = Math.max(until, end + returnMs + restoredAtLeastMs);
  }
  return until;
}

function ownerOf({ owner }: Instance): string {
  return owner === 'control' ? owner : owner.host;
}
