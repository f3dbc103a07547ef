/** Which step of the system decides in each state of an instance, and what no test can bring about from outside. */
import type { InstanceFacts } from './instance-specification.ts';
import type { Specified } from './specification.ts';

/** State → the step that is held there. In a state that has an effect and no step, the effect ends at once. */
const steps: Record<string, string> = {
  scheduling: 'requestPlacement',
  'building.checking': 'powerState',
  networking: 'allocateNetwork',
  'spawning.preparingFilter': 'prepareFilter',
  'spawning.creatingDisks': 'createDisks',
  'spawning.creatingDomain': 'createDomain',
  'spawning.enablingHairpin': 'enableHairpin',
  'spawning.applyingFilter': 'applyFilter',
  'spawning.waitingForBoot': 'waitForBoot',
  stopping: 'stop',
  starting: 'start',
  'rebooting.softly': 'reboot',
  'rebooting.hard': 'reboot',
  pausing: 'pause',
  unpausing: 'unpause',
  suspending: 'suspend',
  resuming: 'resume',
  'rebuilding.destroyingDomain': 'destroyDomain',
  'rebuilding.removingDisks': 'removeDisks',
  'rebuilding.creatingDisks': 'createDisks',
  'rebuilding.definingDomain': 'defineDomain',
  'resizing.stoppingGuest': 'stop',
  'resizing.resizingDisks': 'resizeDisks',
  'resizing.definingDomain': 'defineDomain',
  'resizing.startingGuest': 'start',
  'resized.starting': 'start',
  'resized.inspecting': 'powerState',
  confirming: 'forgetEarlierDisks',
  'reverting.destroyingDomain': 'destroyDomain',
  'reverting.restoringDisks': 'restoreDisks',
  'reverting.definingDomain': 'defineDomain',
  'evacuating.leaving': 'leaveLostHosts',
  'evacuating.scheduling': 'requestPlacement',
  'evacuating.networking': 'allocateNetwork',
  'evacuating.creatingDisks': 'createDisks',
  'evacuating.definingDomain': 'defineDomain',
  'evacuating.destroyingDomain': 'destroyDomain',
  'evacuating.removingDisks': 'removeDisks',
  'evacuating.returning': 'leaveTriedHosts',
  inspecting: 'powerState',
  'releasing.destroyingDomain': 'destroyDomain',
  'releasing.removingFilter': 'removeFilter',
  'releasing.removingDisks': 'removeDisks',
  'releasing.releasingNetwork': 'releaseNetwork',
  reclaiming: 'releaseNetwork',
};

/** The states of which the effect touches nothing but what the process keeps in memory: it can only run out of time. */
const passing = new Set([
  'building.claiming',
  'mapping',
  'resizing.claiming',
  'evacuating.claiming',
  'evacuating.releasingClaim',
  'releasing.unmappingBlockDevices',
  'releasing.releasingClaim',
]);

export function stepOf(state: string): string | undefined {
  return steps[state];
}

/** Whether the system stays in the state until the path goes on. */
export function isSteerable(state: string): boolean {
  return !passing.has(state);
}

/** Whether the event can be brought about in the state. What runs out of time on one host is tried on another. */
export function isPlayable({ state, context }: Specified<InstanceFacts>, event: string): boolean {
  if (isOnLostHost(state, context)) return event.startsWith('guest: ');
  if (state === 'failed.reclaiming' && event === 'owner: releases again') return false;
  if (!passing.has(state)) return true;
  if (event === 'claimResources fails' || event === 'mapBlockDevices fails') return false;
  return !/^(client|host|operator): /.test(event);
}

/** Whether it has come back to a host that is down: it goes on when that host does, and finds what its guest does. */
export function isOnLostHost(state: string, { fault }: Pick<InstanceFacts, 'fault'>): boolean {
  return state === 'failed.powering' && fault === 'evacuating';
}

/** Whether it is the control plane's: nothing of it is on a host, or the host is down. */
export function isOfControl(state: string): boolean {
  return /^(scheduling|evacuating\.(leaving|scheduling|returning)|reclaiming|deleted|failed\.(scheduling|reclaiming))$/.test(
    state,
  );
}

/** Whether the effect is to run out of time. A claim is refused by a host that has no room. */
export function isTimeUp(event: string): boolean {
  return / fails/.test(event) && !event.startsWith('claimResources');
}

/** A process that does not run cannot be stopped. */
export function isHostPlayable({ state }: Specified<object>, event: string): boolean {
  return !(state.startsWith('stopped') && event === 'process: stops');
}

const neverStored = 'its effect ends as it begins, so that it is nowhere written that the instance is there';
const takesTooLong = 'the control plane tries again only after a minute: spec/simulation/host-down.test.ts';

/** The states and transitions that no path takes on the system, and why. */
export const beyondReach: Record<'instance' | 'host', Record<string, string>> = {
  instance: { 'mapping: host.lost': neverStored, 'failed.reclaiming: release.retry': takesTooLong },
  host: {},
};
