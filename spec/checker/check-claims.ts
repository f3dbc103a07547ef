/** That no host has more on it than it has to give, at no moment: by the records, which its own book has to follow. */
import { heldShare, type Share } from '../../actors/instance/held-share.ts';
import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import { holdsShare } from '../../machines/instance-states.ts';
import type { History, RecordSeen } from './history.ts';
import type { Violation } from './violation.ts';

export function checkClaims({ records, unbroken }: History, capacity: Share): Violation[] {
  const versions = [...records.values()].flat().sort((one, other) => one.revision - other.revision);
  const shares = new Map<string, { host: string; share: Share }>();
  const before = new Map<string, RecordSeen['record']>();
  /** To which an instance came back, of itself or by a loss of the store: it may have taken others meanwhile. */
  const crowded = new Set([...records].flatMap(([uuid, its]) => (unbroken.has(uuid) ? [] : its.flatMap(hostOf))));
  for (const { record } of versions) {
    const { uuid, owner } = record;
    const { lostHost } = before.has(uuid) ? contextOf(before.get(uuid) as never) : {};
    before.set(uuid, record);
    const held = shares.get(uuid);
    shares.delete(uuid);
    const state = stateOf(record);
    if (owner === 'control' || !holdsShare(state) || mayHoldNothing(state)) continue;
    // Deleted before it had claimed anything: it has nothing to give back.
    if (state.startsWith('releasing') && !held) continue;
    const { host } = owner;
    if (lostHost === host) crowded.add(host);
    shares.set(uuid, { host, share: heldShare(record) });
    if (crowded.has(host)) continue;
    const here = [...shares.values()].filter((each) => each.host === host);
    for (const resource of ['vcpus', 'memoryMb', 'rootGb'] as const) {
      const used = here.reduce((sum, { share }) => sum + share[resource], 0);
      if (used <= capacity[resource]) continue;
      const message = `${used} ${resource} of ${host} are taken, and it has ${capacity[resource]}`;
      return [{ invariant: 'no host has more than it can hold', message, uuid }];
    }
  }
  return [];
}

function hostOf({ record: { owner } }: RecordSeen): string[] {
  return owner === 'control' ? [] : [owner.host];
}

function mayHoldNothing(state: string): boolean {
  return /^(building|evacuating\.claiming$|evacuating\.releasingClaim|releasing\.releasingClaim)/.test(state);
}
