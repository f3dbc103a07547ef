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
building.claiming
  claimResources done → networking
  claimResources fails → releasing.releasingClaim
  instance.delete → releasing.destroyingDomain
networking
  allocateNetwork done → mapping
  allocateNetwork fails → releasing.releasingNetwork
  instance.delete → releasing.destroyingDomain
mapping
  mapBlockDevices done → spawning.preparingFilter
  mapBlockDevices fails → releasing.unmappingBlockDevices
  instance.delete → releasing.destroyingDomain
spawning.preparingFilter
  prepareFilter done → spawning.creatingDisks
  prepareFilter fails → releasing.destroyingDomain
  instance.delete → releasing.destroyingDomain
spawning.creatingDisks
  createDisks done → spawning.creatingDomain
  createDisks fails → releasing.destroyingDomain
  instance.delete → releasing.destroyingDomain
spawning.creatingDomain
  createDomain done → spawning.enablingHairpin
  createDomain fails → releasing.destroyingDomain
  instance.delete → releasing.destroyingDomain
spawning.enablingHairpin
  enableHairpin done → spawning.applyingFilter
  enableHairpin fails → releasing.destroyingDomain
  instance.delete → releasing.destroyingDomain
spawning.applyingFilter
  applyFilter done → spawning.waitingForBoot
  applyFilter fails → releasing.destroyingDomain
  instance.delete → releasing.destroyingDomain
spawning.waitingForBoot
  waitForBoot done → running
  waitForBoot fails → releasing.destroyingDomain
  instance.delete → releasing.destroyingDomain
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
stopping
  stopDomain done → stopped
  stopDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
stopped
  instance.start → starting
  instance.reboot if isHard → rebooting.hard
  instance.rebuild → rebuilding.destroyingDomain
  instance.resize → resizing.claiming
  instance.delete → releasing.destroyingDomain
  domain.changed if isOtherThan(shutdown) → inspecting
starting
  startDomain done → running
  startDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
rebooting.softly
  rebootSoftly done → running
  rebootSoftly fails → rebooting.hard
  instance.delete → releasing.destroyingDomain
rebooting.hard
  rebootHard done → running
  rebootHard fails → inspecting
  instance.delete → releasing.destroyingDomain
pausing
  pauseDomain done → paused
  pauseDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
paused
  instance.reboot if isHard → rebooting.hard
  instance.unpause → unpausing
  instance.delete → releasing.destroyingDomain
  domain.changed if isOtherThan(paused) → inspecting
  guest.restart → starting
unpausing
  unpauseDomain done → running
  unpauseDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
suspending
  suspendDomain done → suspended
  suspendDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
suspended
  instance.reboot if isHard → rebooting.hard
  instance.resume → resuming
  instance.delete → releasing.destroyingDomain
  domain.changed if isOtherThan(suspended) → inspecting
resuming
  resumeDomain done → running
  resumeDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
rebuilding.destroyingDomain
  destroyDomain done → rebuilding.removingDisks
  destroyDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
rebuilding.removingDisks
  removeDisks done → rebuilding.creatingDisks
  removeDisks fails → inspecting
  instance.delete → releasing.destroyingDomain
rebuilding.creatingDisks
  createDisks done → rebuilding.definingDomain
  createDisks fails → inspecting
  instance.delete → releasing.destroyingDomain
rebuilding.definingDomain
  defineDomain done if isToRun → starting
  defineDomain done → stopped
  defineDomain fails → inspecting
  instance.delete → releasing.destroyingDomain
resizing.claiming
  claimResize done → resizing.stoppingGuest
  claimResize fails → inspecting
  instance.delete → releasing.destroyingDomain
resizing.stoppingGuest
  stopDomain done → resizing.resizingDisks
  stopDomain fails → reverting.destroyingDomain
  instance.delete → releasing.destroyingDomain
resizing.resizingDisks
  resizeDisks done → resizing.definingDomain
  resizeDisks fails → reverting.destroyingDomain
  instance.delete → releasing.destroyingDomain
resizing.definingDomain
  defineDomain done if isToRun → resizing.startingGuest
  defineDomain done → resized.stopped
  defineDomain fails → reverting.destroyingDomain
  instance.delete → releasing.destroyingDomain
resizing.startingGuest
  startDomain done → resized.running
  startDomain fails → reverting.destroyingDomain
  instance.delete → releasing.destroyingDomain
resized.running
  instance.confirm-resize → confirming
  instance.revert-resize → reverting.destroyingDomain
  instance.delete → releasing.destroyingDomain
  domain.changed if isOtherThan(running) → resized.stopped
resized.stopped
  instance.confirm-resize → confirming
  instance.revert-resize → reverting.destroyingDomain
  instance.delete → releasing.destroyingDomain
  domain.changed if isReportedAs(running) → resized.running
confirming
  confirmResize done → inspecting
  confirmResize fails if isToRun → resized.running
  confirmResize fails → resized.stopped
  instance.delete → releasing.destroyingDomain
reverting.destroyingDomain
  destroyDomain done → reverting.restoringDisks
  destroyDomain fails → failed.resizing
  instance.delete → releasing.destroyingDomain
reverting.restoringDisks
  restoreDisks done → reverting.definingDomain
  restoreDisks fails → failed.resizing
  instance.delete → releasing.destroyingDomain
reverting.definingDomain
  defineDomain done if isToRun → starting
  defineDomain done → stopped
  defineDomain fails → failed.resizing
  instance.delete → releasing.destroyingDomain
inspecting
  inspectDomain done if isReported(running) → running
  inspectDomain done if isReported(shutdown) → stopped
  inspectDomain done if isReported(paused) → paused
  inspectDomain done → suspended
  inspectDomain fails → failed.powering
  domain.changed → inspecting
  instance.delete → releasing.destroyingDomain
releasing.destroyingDomain
  destroyDomain done → releasing.removingFilter
  destroyDomain fails → failed.releasing
  instance.delete → releasing.destroyingDomain
releasing.removingFilter
  removeFilter done → releasing.removingDisks
  removeFilter fails → failed.releasing
  instance.delete → releasing.removingFilter
releasing.removingDisks
  removeDisks done → releasing.unmappingBlockDevices
  removeDisks fails → failed.releasing
  instance.delete → releasing.removingDisks
releasing.unmappingBlockDevices
  unmapBlockDevices done → releasing.releasingNetwork
  unmapBlockDevices fails → failed.releasing
  instance.delete → releasing.unmappingBlockDevices
releasing.releasingNetwork
  releaseNetwork done → releasing.releasingClaim
  releaseNetwork fails → failed.releasing
  instance.delete → releasing.releasingNetwork
releasing.releasingClaim
  releaseClaim done if hasFailedDuring(building) → failed.building
  releaseClaim fails → failed.releasing
  instance.delete → releasing.releasingClaim
  releaseClaim done if mayBePlacedAgain → scheduling
  releaseClaim done if isDeleteWanted → deleted
  releaseClaim done if hasFailedDuring(networking) → failed.networking
  releaseClaim done if hasFailedDuring(mapping) → failed.mapping
  releaseClaim done → failed.spawning
failed.scheduling
  instance.delete → deleted
failed.building
  instance.delete → releasing.destroyingDomain
failed.networking
  instance.delete → releasing.destroyingDomain
failed.mapping
  instance.delete → releasing.destroyingDomain
failed.spawning
  instance.delete → releasing.destroyingDomain
failed.powering
  instance.start → starting
  instance.stop → stopping
  instance.reboot if isHard → rebooting.hard
  instance.rebuild → rebuilding.destroyingDomain
  instance.delete → releasing.destroyingDomain
  domain.changed → inspecting
failed.resizing
  instance.revert-resize → reverting.destroyingDomain
  instance.delete → releasing.destroyingDomain
failed.releasing
  release.retry → releasing.destroyingDomain
  instance.delete → releasing.destroyingDomain
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
