/** Which step of the system decides in each state of an instance, and what no test can bring about from outside. */
import { instanceMachine } from '../../machines/instance.ts';
import { definedTransitions, leavesOf, nameTransition } from '../charts/support.ts';

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
  confirming: 'forgetEarlierDisks',
  'reverting.destroyingDomain': 'destroyDomain',
  'reverting.restoringDisks': 'restoreDisks',
  'reverting.definingDomain': 'defineDomain',
  inspecting: 'powerState',
  'releasing.destroyingDomain': 'destroyDomain',
  'releasing.removingFilter': 'removeFilter',
  'releasing.removingDisks': 'removeDisks',
  'releasing.releasingNetwork': 'releaseNetwork',
};

/** The states of which the effect touches nothing but what the process keeps in memory: it can only run out of time. */
const passing = new Set([
  'building.claiming',
  'mapping',
  'resizing.claiming',
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
export function isPlayable(state: string, event: string): boolean {
  if (ofDownHosts.has(event)) return false;
  if (!passing.has(state)) return true;
  if (event === 'claimResources fails' || event === 'mapBlockDevices fails') return false;
  return !event.startsWith('client: ');
}

/** Whether the effect is to run out of time. A claim is refused by a host that has no room. */
export function isTimeUp(event: string): boolean {
  return / fails/.test(event) && !event.startsWith('claimResources');
}

/** A process that does not run cannot be stopped. */
export function isHostPlayable(state: string, event: string): boolean {
  return event !== 'host: down' && !(state.startsWith('stopped') && event === 'process: stops');
}

/** What happens when a host is held for dead. */
const ofDownHosts = new Set(['host: down', 'operator: evacuate']);
const takesTooLong = 'a host would have to be silent for long: spec/system/host-*.test.ts, evacuate.test.ts';

/** The states that only such events lead to, and the transitions that they take or that lead on from there. */
function needsDownHost(path: string): boolean {
  return /^(evacuating|reclaiming|failed\.reclaiming)/.test(path);
}
const statesOfDownHosts = leavesOf(instanceMachine).filter(needsDownHost);
const transitionsOfDownHosts = definedTransitions(instanceMachine).filter(
  ({ source, eventType }) =>
    needsDownHost(source.path.join('.')) || eventType === 'host.lost' || eventType === 'instance.evacuate',
);

/** The states and transitions that no path takes on the system, and why. */
export const beyondReach: Record<'instance' | 'host', Record<string, string>> = {
  instance: Object.fromEntries(
    [...statesOfDownHosts, ...transitionsOfDownHosts.map(nameTransition)].map((name) => [name, takesTooLong]),
  ),
  host: { 'hypervisor.reconciling: host.fenced': takesTooLong, 'hypervisor.up: host.fenced': takesTooLong },
};
