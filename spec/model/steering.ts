/** Which step of the system decides in each state of an instance, and what no test can bring about from outside. */
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
  inspecting: 'powerState',
  'releasing.destroyingDomain': 'destroyDomain',
  'releasing.removingFilter': 'removeFilter',
  'releasing.removingDisks': 'removeDisks',
  'releasing.releasingNetwork': 'releaseNetwork',
};

const passing = new Set([
  'building.claiming',
  'mapping',
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

/** Whether the event can be brought about in the state. */
export function isPlayable(state: string, event: string): boolean {
  return !passing.has(state) || event === 'claimResources fails (try elsewhere)' || event.endsWith(' succeeds');
}

/** A process that does not run cannot be stopped. */
export function isHostPlayable(state: string, event: string): boolean {
  return !(state.startsWith('stopped') && event === 'process: stops');
}

const noVolumes = 'there are no volumes yet: to prepare or disconnect none cannot fail';

/** The states and transitions that no path takes on the system, and why. */
export const beyondReach: Record<'instance' | 'host', Record<string, string>> = {
  instance: {
    'failed.mapping': noVolumes,
    'mapping: xstate.error.actor.0.instance.mapping': noVolumes,
    'releasing.unmappingBlockDevices: xstate.error.actor.0.instance.releasing.unmappingBlockDevices': noVolumes,
    'releasing.releasingClaim: xstate.done.actor.0.instance.releasing.releasingClaim if hasFailedDuring(mapping)':
      noVolumes,
    'releasing.releasingClaim: xstate.error.actor.0.instance.releasing.releasingClaim':
      'a claim is a line in the host’s own memory: to cross it out cannot fail',
  },
  host: {},
};
