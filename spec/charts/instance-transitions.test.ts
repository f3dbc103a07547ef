/** Every transition of the instance chart, written out, and taken. */
import { expect, it } from 'vitest';
import { instanceMachine } from '../../machines/instance.ts';
import { statePath } from '../../machines/instance-states.ts';
import { events, exploreInstance } from './instance-territory.ts';
import { definedTransitions, leavesOf, nameTransition, readTable, tabulate } from './support.ts';

/** State, what happens, and what follows. What is not listed changes nothing. */
const table = `
scheduling
  requestPlacement fails → failed.scheduling
  instance.scheduled → building.checking
  placement.failed → failed.scheduling
  instance.delete → deleted
building.checking
  checkLaunch done → building.claiming
  checkLaunch fails → releasing.releasingClaim
  instance.delete → releasing.destroyingDomain
  host.lost → reclaiming
building.claiming
  claimResources done → networking
  claimResources fails → releasing.releasingClaim
  instance.delete → releasing.destroyingDomain
  host.lost → reclaiming
networking
  allocateNetwork done → mapping
  allocateNetwork fails → releasing.releasingNetwork
  instance.delete → releasing.destroyingDomain
  host.lost → reclaiming
mapping
  mapBlockDevices done → spawning.preparingFilter
  mapBlockDevices fails → releasing.unmappingBlockDevices
  instance.delete → releasing.destroyingDomain
  host.lost → reclaiming
spawning.preparingFilter
  prepareFilter done → spawning.creatingDisks
  prepareFilter fails → releasing.destroyingDomain
  instance.delete → releasing.destroyingDomain
  host.lost → reclaiming
spawning.creatingDisks
  createDisks done → spawning.creatingDomain
  createDisks fails → releasing.destroyingDomain
  instance.delete → releasing.destroyingDomain
  host.lost → reclaiming
spawning.creatingDomain
  createDomain done → spawning.enablingHairpin
  createDomain fails → releasing.destroyingDomain
  instance.delete → releasing.destroyingDomain
  host.lost → reclaiming
spawning.enablingHairpin
  enableHairpin done → spawning.applyingFilter
  enableHairpin fails → releasing.destroyingDomain
  instance.delete → releasing.destroyingDomain
  host.lost → reclaiming
spawning.applyingFilter
  applyFilter done → spawning.waitingForBoot
  applyFilter fails → releasing.destroyingDomain
  instance.delete → releasing.destroyingDomain
  host.lost → reclaiming
spawning.waitingForBoot
  waitForBoot done → running
  waitForBoot fails → releasing.destroyingDomain
  instance.delete → releasing.destroyingDomain
  host.lost → reclaiming
running
  instance.stop → stopping
  instance.reboot if isSoft → rebooting.softly
  instance.reboot → rebooting.hard
  instance.pause → pausing
  instance.suspend → suspending
  instance.rebuild → rebuilding.destroyingDomain
  instance.resize → resizing.claiming
  instance.delete → releasing.destroyingDomain
  domain.changed if isOtherThan(running) → inspecting
  guest.restart → starting
  instance.evacuate if hasGuest → evacuating.scheduling
stopping
  stopDomain done → stopped
  stopDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
stopped
  instance.start → starting
  instance.reboot if isHard → rebooting.hard
  instance.rebuild → rebuilding.destroyingDomain
  instance.resize → resizing.claiming
  instance.delete → releasing.destroyingDomain
  domain.changed if isOtherThan(shutdown) → inspecting
  instance.evacuate if hasGuest → evacuating.scheduling
starting
  startDomain done → running
  startDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
rebooting.softly
  rebootSoftly done → running
  rebootSoftly fails → rebooting.hard
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
rebooting.hard
  rebootHard done → running
  rebootHard fails → inspecting
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
pausing
  pauseDomain done → paused
  pauseDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
paused
  instance.reboot if isHard → rebooting.hard
  instance.unpause → unpausing
  instance.delete → releasing.destroyingDomain
  domain.changed if isOtherThan(paused) → inspecting
  guest.restart → starting
  instance.evacuate if hasGuest → evacuating.scheduling
unpausing
  unpauseDomain done → running
  unpauseDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
suspending
  suspendDomain done → suspended
  suspendDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
suspended
  instance.reboot if isHard → rebooting.hard
  instance.resume → resuming
  instance.delete → releasing.destroyingDomain
  domain.changed if isOtherThan(suspended) → inspecting
  instance.evacuate if hasGuest → evacuating.scheduling
resuming
  resumeDomain done → running
  resumeDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
rebuilding.destroyingDomain
  destroyDomain done → rebuilding.removingDisks
  destroyDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
rebuilding.removingDisks
  removeDisks done → rebuilding.creatingDisks
  removeDisks fails → inspecting
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
rebuilding.creatingDisks
  createDisks done → rebuilding.definingDomain
  createDisks fails → inspecting
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
rebuilding.definingDomain
  defineDomain done if isToRun → starting
  defineDomain done → stopped
  defineDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
resizing.claiming
  claimResize done → resizing.stoppingGuest
  claimResize fails → inspecting
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
resizing.stoppingGuest
  stopDomain done → resizing.resizingDisks
  stopDomain fails → reverting.destroyingDomain
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
resizing.resizingDisks
  resizeDisks done → resizing.definingDomain
  resizeDisks fails → reverting.destroyingDomain
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
resizing.definingDomain
  defineDomain done if isToRun → resizing.startingGuest
  defineDomain done → resized.stopped
  defineDomain fails → reverting.destroyingDomain
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
resizing.startingGuest
  startDomain done → resized.running
  startDomain fails → reverting.destroyingDomain
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
resized.running
  instance.confirm-resize → confirming
  instance.revert-resize → reverting.destroyingDomain
  instance.delete → releasing.destroyingDomain
  domain.changed if isOtherThan(running) → resized.stopped
  instance.evacuate if hasGuest → evacuating.scheduling
resized.stopped
  instance.confirm-resize → confirming
  instance.revert-resize → reverting.destroyingDomain
  instance.delete → releasing.destroyingDomain
  domain.changed if isReportedAs(running) → resized.running
  instance.evacuate if hasGuest → evacuating.scheduling
resized.confirmed
  instance.confirm-resize → confirming
  release.retry → confirming
  instance.evacuate if hasGuest → evacuating.scheduling
  instance.delete → releasing.destroyingDomain
confirming
  confirmResize done → inspecting
  confirmResize fails → resized.confirmed
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
reverting.destroyingDomain
  destroyDomain done → reverting.restoringDisks
  destroyDomain fails → failed.resizing
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
reverting.restoringDisks
  restoreDisks done → reverting.definingDomain
  restoreDisks fails → failed.resizing
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
reverting.definingDomain
  defineDomain done if isToRun → starting
  defineDomain done → stopped
  defineDomain fails → failed.resizing
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
evacuating.scheduling
  requestPlacement fails → failed.powering
  instance.scheduled → evacuating.claiming
  placement.failed → failed.powering
  instance.delete → reclaiming
evacuating.claiming
  claimResources done → evacuating.networking
  claimResources fails → evacuating.releasingClaim
  instance.delete → releasing.destroyingDomain
  host.lost if mayLeaveForAnother → evacuating.scheduling
  host.lost if isPlaced → evacuating.returning
evacuating.networking
  allocateNetwork done → evacuating.creatingDisks
  allocateNetwork fails → evacuating.releasingClaim
  instance.delete → releasing.destroyingDomain
  host.lost if mayLeaveForAnother → evacuating.scheduling
  host.lost if isPlaced → evacuating.returning
evacuating.creatingDisks
  createDisks done → evacuating.definingDomain
  createDisks fails → evacuating.destroyingDomain
  instance.delete → releasing.destroyingDomain
  host.lost if mayLeaveForAnother → evacuating.scheduling
  host.lost if isPlaced → evacuating.returning
evacuating.definingDomain
  defineDomain done if isToRun → starting
  defineDomain fails → evacuating.destroyingDomain
  instance.delete → releasing.destroyingDomain
  host.lost if mayLeaveForAnother → evacuating.scheduling
  defineDomain done → stopped
  host.lost if isPlaced → evacuating.returning
evacuating.destroyingDomain
  destroyDomain done → evacuating.removingDisks
  destroyDomain fails → evacuating.removingDisks
  instance.delete → releasing.destroyingDomain
  host.lost if mayLeaveForAnother → evacuating.scheduling
  host.lost if isPlaced → evacuating.returning
evacuating.removingDisks
  removeDisks done → evacuating.releasingClaim
  removeDisks fails → evacuating.releasingClaim
  instance.delete → releasing.destroyingDomain
  host.lost if mayLeaveForAnother → evacuating.scheduling
  host.lost if isPlaced → evacuating.returning
evacuating.releasingClaim
  releaseClaim done → evacuating.returning
  releaseClaim fails → evacuating.returning
  instance.delete → releasing.destroyingDomain
  host.lost if mayLeaveForAnother → evacuating.scheduling
  releaseClaim done if mayBePlacedAgain → evacuating.scheduling
  host.lost if isPlaced → evacuating.returning
evacuating.returning
  leaveTriedHosts done → failed.powering
  leaveTriedHosts fails → failed.powering
  instance.delete → reclaiming
inspecting
  inspectDomain done if isReported(running) → running
  inspectDomain done if isReported(shutdown) → stopped
  inspectDomain done if isReported(paused) → paused
  inspectDomain done → suspended
  inspectDomain fails → failed.powering
  domain.changed → inspecting
  instance.delete → releasing.destroyingDomain
  instance.evacuate if hasGuest → evacuating.scheduling
releasing.destroyingDomain
  destroyDomain done → releasing.removingFilter
  destroyDomain fails → failed.releasing
  instance.delete → releasing.destroyingDomain
  host.lost → reclaiming
releasing.removingFilter
  removeFilter done → releasing.removingDisks
  removeFilter fails → failed.releasing
  instance.delete → releasing.removingFilter
  host.lost → reclaiming
releasing.removingDisks
  removeDisks done → releasing.unmappingBlockDevices
  removeDisks fails → failed.releasing
  instance.delete → releasing.removingDisks
  host.lost → reclaiming
releasing.unmappingBlockDevices
  unmapBlockDevices done → releasing.releasingNetwork
  unmapBlockDevices fails → failed.releasing
  instance.delete → releasing.unmappingBlockDevices
  host.lost → reclaiming
releasing.releasingNetwork
  releaseNetwork done → releasing.releasingClaim
  releaseNetwork fails → failed.releasing
  instance.delete → releasing.releasingNetwork
  host.lost → reclaiming
releasing.releasingClaim
  releaseClaim done if hasFailedDuring(building) → failed.building
  releaseClaim fails → failed.releasing
  instance.delete → releasing.releasingClaim
  releaseClaim done if mayBePlacedAgain → scheduling
  releaseClaim done if isDeleteWanted → deleted
  releaseClaim done if hasFailedDuring(networking) → failed.networking
  releaseClaim done if hasFailedDuring(mapping) → failed.mapping
  releaseClaim done → failed.spawning
  host.lost → reclaiming
reclaiming
  releaseNetwork done if mayBePlacedAgain → scheduling
  releaseNetwork fails → failed.reclaiming
  instance.delete → reclaiming
  releaseNetwork done if hasFailedDuring(building) → failed.building
  releaseNetwork done if isDeleteWanted → deleted
  releaseNetwork done if hasFailedDuring(networking) → failed.networking
  releaseNetwork done if hasFailedDuring(mapping) → failed.mapping
  releaseNetwork done → failed.spawning
failed.scheduling
  instance.delete → deleted
failed.building
  instance.delete → deleted
failed.networking
  instance.delete → deleted
failed.mapping
  instance.delete → deleted
failed.spawning
  instance.delete → deleted
failed.powering
  instance.start → starting
  instance.stop → stopping
  instance.reboot if isHard → rebooting.hard
  instance.rebuild → rebuilding.destroyingDomain
  instance.delete → releasing.destroyingDomain
  domain.changed → inspecting
  instance.evacuate → evacuating.scheduling
  instance.evacuate if hasFailedDuring(evacuating) → evacuating.scheduling
failed.resizing
  instance.revert-resize → reverting.destroyingDomain
  instance.delete → releasing.destroyingDomain
  instance.evacuate → evacuating.scheduling
failed.releasing
  release.retry → releasing.destroyingDomain
  instance.delete → releasing.destroyingDomain
  host.lost → reclaiming
failed.reclaiming
  release.retry → reclaiming
  instance.delete → reclaiming
`;

it('goes where the table says, and nowhere else', () => {
  expect(readTable(tabulate(exploreInstance(), statePath))).toEqual(readTable(table));
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
