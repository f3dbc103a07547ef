/**
 * That a host refuses no launch for want of room that it has. What its own book counts and nobody holds any more is missing
 * of it until its process ends, and nobody else sees it.
 */
import { heldShare, type Share } from '../../actors/instance/held-share.ts';
import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import { holdsShare } from '../../machines/instance-states.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { History, RecordSeen } from './history.ts';
import type { Violation } from './violation.ts';

/** For how long a host may count what an instance has given back, or what was taken from it with the instance (ms). */
const lagMs = 60_000;

const resources = { vcpus: 'vcpus', memoryMb: 'memoryMb', diskGb: 'rootGb' } as const;

/** What a host has told of a claim that it refused. */
interface Refusal {
  resource: keyof typeof resources;
  requested: number;
}

export function checkRefusals({ records, hasGoneBack }: History, capacity: Share): Violation[] {
  // Whose records went back may hold what they did not hold, and the other way round.
  if (hasGoneBack) return [];
  const violations: Violation[] = [];
  for (const [uuid, versions] of records) {
    for (const [index, { at, record }] of versions.entries()) {
      const { owner } = record;
      const refusal = refusalIn(record, versions[index - 1]?.record);
      if (!refusal || owner === 'control') continue;
      const { resource, requested } = refusal;
      const others = [...records].filter(([other]) => other !== uuid);
      const held = others.reduce((sum, [, its]) => sum + mostHeld(its, owner.host, at)[resources[resource]], 0);
      if (held + requested > capacity[resources[resource]]) continue;
      const message = `${requested} ${resource} are refused by ${owner.host}, of which at most ${held} are taken`;
      violations.push({ invariant: 'a host gives what it has', message, uuid });
    }
  }
  return violations;
}

/** The refusal of a claim that has led to this version. */
function refusalIn(record: Instance, before: Instance | undefined): Refusal | undefined {
  const { fault } = contextOf(record);
  const isNew =
    stateOf(record).startsWith('releasing') && before !== undefined && stateOf(before).startsWith('building');
  return isNew && fault?.code === 'claim_refused' ? (fault.details as unknown as Refusal) : undefined;
}

/** The most that an instance may have held of the host of late. */
function mostHeld(versions: RecordSeen[], host: string, at: number): Share {
  const shares = versions.flatMap(({ at: from, record }, index): Share[] => {
    const until = versions[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    const { lostHost, wantedFlavor } = contextOf(record);
    const isThere = (record.owner !== 'control' && record.owner.host === host) || lostHost === host;
    if (from > at || until < at - lagMs || !isThere || !holdsShare(stateOf(record))) return [];
    return wantedFlavor ? [heldShare(record), wantedFlavor] : [heldShare(record)];
  });
  const most = (resource: keyof Share) => Math.max(0, ...shares.map((share) => share[resource]));
  return { vcpus: most('vcpus'), memoryMb: most('memoryMb'), rootGb: most('rootGb') };
}
