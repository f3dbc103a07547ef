/**
 * What clients ask of an instance: what was accepted is begun before it is answered, once; what is begun somebody asked
 * for; what is said to be done the guest has done; and what a host was to be told it was told.
 */
import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import type { ReportedPowerState } from '../../machines/instance.ts';

import type { Asked, History, RecordSeen } from './history.ts';
import type { Violation } from './violation.ts';

type Broken = (invariant: string, message: string) => void;

export function checkCommands(history: History): Violation[] {
  const violations: Violation[] = [];
  const asked = Map.groupBy(history.asked, ({ uuid }) => uuid);
  for (const [uuid, versions] of history.unbroken) {
    const broken: Broken = (invariant, message) => violations.push({ invariant, uuid, message });
    checkBegun(asked.get(uuid) ?? [], versions, broken);
    checkDone(uuid, history, versions, broken);
    checkName(asked.get(uuid) ?? [], versions, broken);
    const isDeletionAsked = asked.get(uuid)?.some(({ verb, outcome }) => verb === 'delete' && outcome !== 'refused');
    if (!isDeletionAsked && versions.some(({ record }) => contextOf(record).isDeleteWanted)) {
      broken('nothing is done that nobody asked for', 'it is deleted, and nobody asked for that');
    }
  }
  for (const { uuid, command } of history.commandsForgotten) {
    const message = `${command.type} left the work queue, and was neither taken nor refused`;
    violations.push({ invariant: 'a command in the queue is taken or refused', uuid, message });
  }
  return violations;
}

/** A command, by the state that it leads to; `from`: where that is entered for other reasons, too. */
const commands: Record<string, { to: RegExp; from?: RegExp }> = {
  stop: { to: /^stopping$/ },
  start: { to: /^starting$/, from: /^(stopped|failed\.powering|stopping)$/ },
  reboot: { to: /^rebooting\b/ },
  pause: { to: /^pausing$/ },
  unpause: { to: /^unpausing$/ },
  suspend: { to: /^suspending$/ },
  resume: { to: /^resuming$/ },
  rebuild: { to: /^rebuilding\b/ },
  resize: { to: /^resizing\b/ },
  confirmResize: { to: /^confirming$/, from: /^resized\.(running|stopped|paused|suspended|lost)$/ },
  revertResize: { to: /^reverting\b/, from: /^(resized|failed\.resizing)\b/ },
};

function checkBegun(asked: readonly Asked[], versions: readonly RecordSeen[], broken: Broken): void {
  for (const [verb, { to, from = /./ }] of Object.entries(commands)) {
    const wishes = asked.filter((each) => each.verb === verb && each.outcome !== 'refused');
    const begun = versions.filter(({ record }, index) => {
      const before = versions[index - 1];
      const was = before ? stateOf(before.record) : '';
      return to.test(stateOf(record)) && !to.test(was) && from.test(was);
    });
    for (const [index, { at }] of begun.entries()) {
      if (wishes.filter((wish) => wish.at <= at).length > index) continue;
      broken('nothing is done that nobody asked for', `${verb} was begun ${index + 1} times, and asked for less often`);
      break;
    }
    checkAccepted(verb, wishes, begun, versions, broken);
  }
}

/** Each that was accepted was begun in between, for itself, unless it was overtaken by what ends the instance there. */
function checkAccepted(
  verb: string,
  wishes: readonly Asked[],
  begun: readonly RecordSeen[],
  versions: readonly RecordSeen[],
  broken: Broken,
): void {
  const open = new Set(wishes.filter(({ outcome }) => outcome === 'accepted'));
  for (const { at } of begun) {
    const [first] = [...open]
      .filter((wish) => wish.at <= at && at <= answeredAt(wish))
      .sort((one, other) => answeredAt(one) - answeredAt(other));
    if (first) open.delete(first);
  }
  for (const wish of open) {
    const isOvertaken = versions.some(
      ({ at, record }) =>
        at >= wish.at &&
        at <= answeredAt(wish) &&
        (contextOf(record).isDeleteWanted || stateOf(record).startsWith('evacuating')),
    );
    if (!isOvertaken) broken('what was accepted is begun', `${verb} was accepted, and not begun by then`);
  }
}

function answeredAt({ answeredAt: at = Number.POSITIVE_INFINITY }: Asked): number {
  return at;
}

/** What a guest must have done when a step has ended well. */
const deeds: Record<string, { to: string; powerStates: readonly ReportedPowerState[] }> = {
  stopping: { to: 'stopped', powerStates: ['shutdown', 'crashed'] },
  starting: { to: 'running', powerStates: ['running'] },
  'resized.starting': { to: 'resized.running', powerStates: ['running'] },
  pausing: { to: 'paused', powerStates: ['paused'] },
  unpausing: { to: 'running', powerStates: ['running'] },
  suspending: { to: 'suspended', powerStates: ['suspended'] },
  resuming: { to: 'running', powerStates: ['running'] },
};

function checkDone(uuid: string, history: History, versions: readonly RecordSeen[], broken: Broken): void {
  const guests = history.guests.filter((guest) => guest.uuid === uuid);
  const boots = history.disks?.filter((disk) => disk.uuid === uuid && disk.did === 'booted');
  for (const [index, { at: until, record, powerState }] of versions.entries()) {
    const before = versions[index - 1];
    if (!before) continue;
    const [from, to] = [stateOf(before.record), stateOf(record)];
    if (from.startsWith('rebooting') && to === 'running' && boots) {
      const began = versions.slice(0, index).findLast((each) => !stateOf(each.record).startsWith('rebooting'));
      const isBooted = boots.some(({ at }) => at >= (began?.at ?? 0) && at <= until);
      if (!isBooted) broken('what is said to be done is done', 'it was rebooted, and its guest did not boot');
    }
    const deed = deeds[from];
    if (deed?.to !== to) continue;
    const { host } = contextOf(record);
    const here = guests.filter((guest) => guest.host === host && guest.at <= until);
    const since = here.findLastIndex(({ at }) => at <= before.at);
    const seen = here.slice(Math.max(0, since)).map((guest) => guest.powerState);
    if (powerState) seen.push(powerState);
    if (!deed.powerStates.some((state) => seen.includes(state))) {
      broken('what is said to be done is done', `it was ${from}, is ${to}, and its guest was ${seen.join(', ')}`);
    }
  }
}

/** The last name that was accepted, or one that was asked for later. */
function checkName(asked: readonly Asked[], versions: readonly RecordSeen[], broken: Broken): void {
  const renames = asked.filter(({ verb, outcome }) => verb === 'rename' && outcome !== 'refused');
  const last = renames
    .filter(({ outcome }) => outcome === 'accepted')
    .sort((a, b) => answeredAt(a) - answeredAt(b))
    .at(-1);
  const name = versions.at(-1)?.record.name;
  if (!last || name === undefined) return;
  const possible = renames.filter((each) => answeredAt(each) >= last.at).map(({ name: wanted }) => wanted);
  if (!possible.includes(name)) broken('what was accepted is kept', `it was renamed ${last.name}, and is ${name}`);
}
