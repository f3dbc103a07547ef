/** Every transition of the instance chart, written out, and taken. */
import { expect, it } from 'vitest';
import { instanceMachine } from '../../machines/instance.ts';
import { statePath } from '../../machines/instance-states.ts';
import { events, exploreInstance } from './instance-territory.ts';
import { definedTransitions, leavesOf, nameTransition, readTable, tabulate } from './support.ts';

/**
 * State, what happens, and what follows; of an effect: what follows when it is done, else when it fails. What is neither
 * listed nor among what goes for many states alike changes nothing.
 */
const table = `
scheduling                      | requestPlacement fails → failed.scheduling
                                | instance.scheduled → building.checking
                                | placement.failed → failed.scheduling
                                | instance.delete → deleted
building.checking               | checkLaunch → building.claiming, else releasing.releasingClaim
building.claiming               | claimResources → networking, else releasing.releasingClaim
networking                      | allocateNetwork → mapping, else releasing.destroyingDomain
mapping                         | mapBlockDevices → spawning.preparingFilter, else releasing.unmappingBlockDevices
spawning.preparingFilter        | prepareFilter → spawning.creatingDisks, else releasing.destroyingDomain
spawning.creatingDisks          | createDisks → spawning.creatingDomain, else releasing.destroyingDomain
spawning.creatingDomain         | createDomain → spawning.enablingHairpin, else releasing.destroyingDomain
spawning.enablingHairpin        | enableHairpin → spawning.applyingFilter, else releasing.destroyingDomain
spawning.applyingFilter         | applyFilter → spawning.waitingForBoot, else releasing.destroyingDomain
spawning.waitingForBoot         | waitForBoot → running, else releasing.destroyingDomain
running                         | instance.stop → stopping
                                | instance.reboot if isSoft → rebooting.softly
                                | instance.reboot → rebooting.hard
                                | instance.pause → pausing
                                | instance.suspend → suspending
                                | instance.rebuild → rebuilding.destroyingDomain
                                | instance.resize → resizing.claiming
                                | domain.changed if isOtherThan(running) → inspecting
                                | guest.restart → starting
stopping                        | stopDomain → stopped, else inspecting
stopped                         | instance.start → starting
                                | instance.reboot if isHard → rebooting.hard
                                | instance.rebuild → rebuilding.destroyingDomain
                                | instance.resize → resizing.claiming
                                | domain.changed if isOtherThan(shutdown) → inspecting
starting                        | startDomain → running, else inspecting
rebooting.softly                | rebootSoftly → running, else rebooting.hard
rebooting.hard                  | rebootHard → running, else inspecting
pausing                         | pauseDomain → paused, else inspecting
paused                          | instance.reboot if isHard → rebooting.hard
                                | instance.unpause → unpausing
                                | domain.changed if isOtherThan(paused) → inspecting
                                | guest.restart → starting
unpausing                       | unpauseDomain → running, else inspecting
suspending                      | suspendDomain → suspended, else inspecting
suspended                       | instance.reboot if isHard → rebooting.hard
                                | instance.resume → resuming
                                | domain.changed if isOtherThan(suspended) → inspecting
resuming                        | resumeDomain → running, else inspecting
rebuilding.destroyingDomain     | destroyDomain → rebuilding.removingDisks, else inspecting
rebuilding.removingDisks        | removeDisks → rebuilding.creatingDisks, else inspecting
rebuilding.creatingDisks        | createDisks → rebuilding.definingDomain, else inspecting
rebuilding.definingDomain       | defineDomain done if isToRun → starting
                                | defineDomain → stopped, else inspecting
resizing.claiming               | claimResize → resizing.stoppingGuest, else inspecting
resizing.stoppingGuest          | stopDomain → resizing.resizingDisks, else reverting.destroyingDomain
resizing.resizingDisks          | resizeDisks → resizing.definingDomain, else reverting.destroyingDomain
resizing.definingDomain         | defineDomain done if isToRun → resizing.startingGuest
                                | defineDomain → resized.stopped, else reverting.destroyingDomain
resizing.startingGuest          | startDomain → resized.running, else reverting.destroyingDomain
resized.running                 | instance.confirm-resize → confirming
                                | instance.revert-resize → reverting.destroyingDomain
                                | domain.changed if isOtherThan(running) → resized.inspecting
                                | guest.restart → resized.starting
resized.stopped                 | instance.confirm-resize → confirming
                                | instance.revert-resize → reverting.destroyingDomain
                                | domain.changed if isOtherThan(shutdown) → resized.inspecting
resized.paused                  | instance.confirm-resize → confirming
                                | instance.revert-resize → reverting.destroyingDomain
                                | domain.changed if isOtherThan(paused) → resized.inspecting
                                | guest.restart → resized.starting
resized.suspended               | instance.confirm-resize → confirming
                                | instance.revert-resize → reverting.destroyingDomain
                                | domain.changed if isOtherThan(suspended) → resized.inspecting
resized.starting                | startDomain → resized.running, else resized.inspecting
resized.inspecting              | inspectDomain done if isReported(running) → resized.running
                                | inspectDomain done if isReported(shutdown) → resized.stopped
                                | inspectDomain done if isReported(paused) → resized.paused
                                | inspectDomain → resized.suspended, else resized.lost
                                | domain.changed → resized.inspecting
resized.lost                    | instance.confirm-resize → confirming
                                | instance.revert-resize → reverting.destroyingDomain
                                | domain.changed → resized.inspecting
resized.confirmed               | instance.confirm-resize → confirming
                                | release.retry → confirming
confirming                      | confirmResize → inspecting, else resized.confirmed
reverting.destroyingDomain      | destroyDomain → reverting.restoringDisks, else failed.resizing
reverting.restoringDisks        | restoreDisks → reverting.definingDomain, else failed.resizing
reverting.definingDomain        | defineDomain done if isToRun → starting
                                | defineDomain → stopped, else failed.resizing
evacuating.leaving              | leaveLostHosts → evacuating.scheduling, else failed.powering
                                | instance.delete → reclaiming
evacuating.scheduling           | requestPlacement fails → failed.powering
                                | instance.scheduled → evacuating.claiming
                                | placement.failed → failed.powering
                                | instance.delete → reclaiming
evacuating.claiming             | claimResources → evacuating.networking, else evacuating.releasingClaim
evacuating.networking           | allocateNetwork → evacuating.creatingDisks, else evacuating.releasingClaim
evacuating.creatingDisks        | createDisks → evacuating.definingDomain, else evacuating.destroyingDomain
evacuating.definingDomain       | defineDomain done if isToRun → starting
                                | defineDomain → stopped, else evacuating.destroyingDomain
evacuating.destroyingDomain     | destroyDomain → evacuating.removingDisks, else evacuating.removingDisks
evacuating.removingDisks        | removeDisks → evacuating.releasingClaim, else evacuating.releasingClaim
evacuating.releasingClaim       | releaseClaim done if mayBePlacedAgain → evacuating.scheduling
                                | releaseClaim → evacuating.returning, else evacuating.returning
evacuating.returning            | leaveTriedHosts → failed.powering, else failed.powering
                                | instance.delete → reclaiming
inspecting                      | inspectDomain done if isReported(running) → running
                                | inspectDomain done if isReported(shutdown) → stopped
                                | inspectDomain done if isReported(paused) → paused
                                | inspectDomain → suspended, else failed.powering
                                | domain.changed → inspecting
releasing.destroyingDomain      | destroyDomain → releasing.removingFilter, else failed.releasing
releasing.removingFilter        | removeFilter → releasing.removingDisks, else failed.releasing
releasing.removingDisks         | removeDisks → releasing.unmappingBlockDevices, else failed.releasing
releasing.unmappingBlockDevices | unmapBlockDevices → releasing.releasingNetwork, else failed.releasing
releasing.releasingNetwork      | releaseNetwork → releasing.releasingClaim, else failed.releasing
releasing.releasingClaim        | releaseClaim done if hasFailedDuring(building) → failed.building
                                | releaseClaim done if mayBePlacedAgain → scheduling
                                | releaseClaim done if isDeleteWanted → deleted
                                | releaseClaim done if hasFailedDuring(networking) → failed.networking
                                | releaseClaim done if hasFailedDuring(mapping) → failed.mapping
                                | releaseClaim → failed.spawning, else failed.releasing
reclaiming                      | releaseNetwork done if mayBePlacedAgain → scheduling
                                | releaseNetwork done if hasFailedDuring(building) → failed.building
                                | releaseNetwork done if isDeleteWanted → deleted
                                | releaseNetwork done if hasFailedDuring(networking) → failed.networking
                                | releaseNetwork done if hasFailedDuring(mapping) → failed.mapping
                                | releaseNetwork → failed.spawning, else failed.reclaiming
                                | instance.delete → reclaiming
failed.scheduling               | instance.delete → deleted
failed.building                 | instance.delete → deleted
failed.networking               | instance.delete → deleted
failed.mapping                  | instance.delete → deleted
failed.spawning                 | instance.delete → deleted
failed.powering                 | instance.start → starting
                                | instance.stop → stopping
                                | instance.reboot if isHard → rebooting.hard
                                | instance.rebuild → rebuilding.destroyingDomain
                                | domain.changed → inspecting
failed.resizing                 | instance.revert-resize → reverting.destroyingDomain
failed.releasing                | release.retry → releasing.destroyingDomain
failed.reclaiming               | release.retry → reclaiming
                                | instance.delete → reclaiming
`;

const ofLaunchOrRelease = /^(building|networking|mapping|spawning|releasing|failed\.releasing)/;
const ofTry = /^evacuating\.(?!leaving|scheduling|returning)/;
const withoutGuest =
  /^(scheduling|building|networking|mapping|spawning|evacuating|releasing|reclaiming|failed\.(?!powering|resizing))/;

/** What goes for many states alike; of a deletion some say otherwise themselves. */
function alike(state: string, rows: readonly string[]): string[] {
  const deletion = state.startsWith('releasing.') ? state : 'releasing.destroyingDomain';
  const evacuation = 'evacuating.leaving';
  return [
    ...(rows.some((row) => row.startsWith('instance.delete')) ? [] : [`instance.delete → ${deletion}`]),
    ...(ofLaunchOrRelease.test(state) ? ['host.lost → reclaiming'] : []),
    ...(ofTry.test(state) ? [`host.lost if mayLeaveForAnother → ${evacuation}`] : []),
    ...(ofTry.test(state) ? ['host.lost if isPlaced → evacuating.returning'] : []),
    ...(withoutGuest.test(state) ? [] : [`instance.evacuate if hasGuest → ${evacuation}`]),
  ];
}

/** Each state with all that may happen in it, as `tabulate` has it. */
function expected(): Record<string, string[]> {
  const rows: Record<string, string[]> = {};
  let state = '';
  for (const line of table.trim().split('\n')) {
    const [name = '', row = ''] = line.split(' | ');
    state = name.trim() || state;
    const [, effect, done, failed] = /^(\w+) → (\S+), else (\S+)$/.exec(row) ?? [];
    rows[state] = [
      ...(rows[state] ?? []),
      ...(effect ? [`${effect} done → ${done}`, `${effect} fails → ${failed}`] : [row]),
    ];
  }
  return Object.fromEntries(Object.entries(rows).map(([name, own]) => [name, [...own, ...alike(name, own)].sort()]));
}

it('goes where the table says, and nowhere else', () => {
  expect(readTable(tabulate(exploreInstance(), statePath))).toEqual(expected());
});

it('has each of its transitions taken by these tests', () => {
  const taken = new Set(exploreInstance().edges.map(({ transition }) => nameTransition(transition)));
  const untaken = definedTransitions(instanceMachine)
    .map(nameTransition)
    .filter((name) => !taken.has(name));
  expect(untaken).toEqual([]);
});

it('has each of its states reached by these tests', () => {
  const reached = new Set(exploreInstance().nodes.map(({ value }) => statePath(value)));
  expect(leavesOf(instanceMachine).filter((path) => !reached.has(path))).toEqual([]);
});

it('hears of every kind of event that it knows', () => {
  const known = instanceMachine.events.filter((type) => !type.startsWith('xstate.'));
  expect([...new Set(events.map(({ type }) => type))].sort()).toEqual([...known].sort());
});
