/**
 * That a guest boots from the disk that it is to have: made when it has to be made, from the image that is wanted, and
 * removed when nobody goes on with it, not sooner.
 */
import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import { holdsShare, isAtRest } from '../../machines/instance-states.ts';
import type { DiskSeen, History, RecordSeen } from './history.ts';
import type { Violation } from './violation.ts';

type Broken = (invariant: string, message: string) => void;

export function checkDisks(history: History): Violation[] {
  if (!history.disks) return [];
  const violations: Violation[] = [];
  const disks = Map.groupBy(history.disks ?? [], ({ uuid }) => uuid);
  for (const [uuid, versions] of history.unbroken) {
    const broken: Broken = (invariant, message) => violations.push({ invariant, uuid, message });
    const seen = disks.get(uuid) ?? [];
    for (const each of seen) checkDeed(each, broken);
    checkSpans(versions, seen, broken);
  }
  return violations;
}

/** Where disks are made, and where they are removed. */
const making = /^(spawning|rebuilding|evacuating|rebooting)\b/;
const removing = /^(networking|rebuilding|evacuating|(failed\.)?(reclaiming|releasing))\b/;

function checkDeed({ did, place, isShared, imageId, record, isOfHost }: DiskSeen, broken: Broken): void {
  if (!record || did === 'booted') return;
  const state = stateOf(record);
  const { lostHost, isDeleteWanted, sharedDisks } = contextOf(record);
  if (did === 'made' && isOfHost) {
    if (!making.test(state) || (sharedDisks !== undefined && isShared)) {
      broken('a disk stays', `one was made anew on ${place}, and the instance was ${state}`);
    }
    if (imageId !== record.imageId) broken('a guest has its image', `its disk is made from ${imageId}`);
  }
  if (did !== 'removed' || isDeleteWanted) return;
  const isNeeded = isShared
    ? sharedDisks !== undefined || (isOfHost && isAtRest(state) && holdsShare(state) && state !== 'failed.releasing')
    : lostHost === place || (isOfHost && holdsShare(state) && !removing.test(state));
  if (isNeeded) broken('a disk stays', `it was removed on ${place}, and the instance was ${state}`);
}

/** What a rebuild, or an evacuation, has done to the disk by its end. */
function checkSpans(versions: readonly RecordSeen[], disks: readonly DiskSeen[], broken: Broken): void {
  let began = 0;
  for (const [index, { at, record }] of versions.entries()) {
    const before = versions[index - 1];
    const [from, to] = [before ? stateOf(before.record) : '', stateOf(record)];
    const step = /^(rebuilding|evacuating)\b/.exec(to)?.[0];
    if (step !== undefined && !from.startsWith(step)) began = at;
    const ended = /^(rebuilding|evacuating)\.definingDomain$/.exec(from)?.[1];
    if (!before || ended === undefined || !/^(starting|stopped)$/.test(to)) continue;
    const isKept = contextOf(before.record).sharedDisks !== undefined && ended === 'evacuating';
    const isMade = disks.some((disk) => disk.did === 'made' && disk.isOfHost && disk.at >= began && disk.at <= at);
    if (isKept && isMade) broken('a disk stays', `its disk was to be kept by ${ended}, and was made anew`);
    if (!isKept && !isMade) broken('a guest has its image', `its disk was to be made anew by ${ended}, and was not`);
  }
}
