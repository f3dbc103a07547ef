/** What is done for an instance, in which order, and where it leads: the tables that its specification is made of. */

/** Of a launch, in order: the state, what is done in it, the step that a fault names, and where undoing begins. */
export const launch = [
  ['building.checking', 'checkLaunch', 'building', 'releasing.releasingClaim'],
  ['building.claiming', 'claimResources', 'building', 'releasing.releasingClaim'],
  ['networking', 'allocateNetwork', 'networking', 'releasing.destroyingDomain'],
  ['mapping', 'mapBlockDevices', 'mapping', 'releasing.unmappingBlockDevices'],
  ['spawning.preparingFilter', 'prepareFilter', 'spawning', 'releasing.destroyingDomain'],
  ['spawning.creatingDisks', 'createDisks', 'spawning', 'releasing.destroyingDomain'],
  ['spawning.creatingDomain', 'createDomain', 'spawning', 'releasing.destroyingDomain'],
  ['spawning.enablingHairpin', 'enableHairpin', 'spawning', 'releasing.destroyingDomain'],
  ['spawning.applyingFilter', 'applyFilter', 'spawning', 'releasing.destroyingDomain'],
  ['spawning.waitingForBoot', 'waitForBoot', 'spawning', 'releasing.destroyingDomain'],
] as const;

export const release = [
  ['releasing.destroyingDomain', 'destroyDomain'],
  ['releasing.removingFilter', 'removeFilter'],
  ['releasing.removingDisks', 'removeDisks'],
  ['releasing.unmappingBlockDevices', 'unmapBlockDevices'],
  ['releasing.releasingNetwork', 'releaseNetwork'],
  ['releasing.releasingClaim', 'releaseClaim'],
] as const;

/** Of an evacuation, in order: the state, what is done in it on the new host, and where undoing begins. */
export const evacuation = [
  ['evacuating.claiming', 'claimResources', 'evacuating.releasingClaim'],
  ['evacuating.networking', 'allocateNetwork', 'evacuating.releasingClaim'],
  ['evacuating.creatingDisks', 'createDisks', 'evacuating.destroyingDomain'],
  ['evacuating.definingDomain', 'defineDomain', 'evacuating.destroyingDomain'],
] as const;

/** How a try of it is undone: what cannot be is left to the host. */
export const evacuationUndone = [
  ['evacuating.destroyingDomain', 'destroyDomain'],
  ['evacuating.removingDisks', 'removeDisks'],
  ['evacuating.releasingClaim', 'releaseClaim'],
] as const;

/** A power operation: its state, what is done, where it leads, and where its failure leads. */
export const power = [
  ['stopping', 'stopDomain', 'stopped', 'inspecting'],
  ['starting', 'startDomain', 'running', 'inspecting'],
  ['resized.starting', 'startDomain', 'resized.running', 'resized.inspecting'],
  ['rebooting.softly', 'rebootSoftly', 'running', 'rebooting.hard'],
  ['rebooting.hard', 'rebootHard', 'running', 'inspecting'],
  ['pausing', 'pauseDomain', 'paused', 'inspecting'],
  ['unpausing', 'unpauseDomain', 'running', 'inspecting'],
  ['suspending', 'suspendDomain', 'suspended', 'inspecting'],
  ['resuming', 'resumeDomain', 'running', 'inspecting'],
] as const;

/** A change of a guest, in order: its states, and what is done in them, until it is known whether the guest is to run. */
export const rebuild = [
  ['rebuilding.destroyingDomain', 'destroyDomain'],
  ['rebuilding.removingDisks', 'removeDisks'],
  ['rebuilding.creatingDisks', 'createDisks'],
  ['rebuilding.definingDomain', 'defineDomain'],
] as const;

export const resize = [
  ['resizing.stoppingGuest', 'stopDomain'],
  ['resizing.resizingDisks', 'resizeDisks'],
  ['resizing.definingDomain', 'defineDomain'],
] as const;

export const revert = [
  ['reverting.destroyingDomain', 'destroyDomain'],
  ['reverting.restoringDisks', 'restoreDisks'],
  ['reverting.definingDomain', 'defineDomain'],
] as const;

/** Where an instance with a guest rests: what its domain is expected to be there, and what a client may command. */
export const rest: Record<string, { powerState?: string; commands: Record<string, string> }> = {
  running: {
    powerState: 'running',
    commands: {
      stop: 'stopping',
      'reboot soft': 'rebooting.softly',
      'reboot hard': 'rebooting.hard',
      pause: 'pausing',
      suspend: 'suspending',
      rebuild: 'rebuilding.destroyingDomain',
      resize: 'resizing.claiming',
    },
  },
  stopped: {
    powerState: 'shutdown',
    commands: {
      start: 'starting',
      'reboot hard': 'rebooting.hard',
      rebuild: 'rebuilding.destroyingDomain',
      resize: 'resizing.claiming',
    },
  },
  paused: { powerState: 'paused', commands: { unpause: 'unpausing', 'reboot hard': 'rebooting.hard' } },
  suspended: { powerState: 'suspended', commands: { resume: 'resuming', 'reboot hard': 'rebooting.hard' } },
  'failed.powering': {
    commands: {
      start: 'starting',
      stop: 'stopping',
      'reboot hard': 'rebooting.hard',
      rebuild: 'rebuilding.destroyingDomain',
    },
  },
};

export const reports = ['running', 'paused', 'shutdown', 'suspended', 'crashed', 'nostate', 'absent'] as const;

/**
 * What a guest does, or is asked to do, in a state says whether it is to run where it is made anew; other states say
 * nothing.
 */
export const guestIsToRun: Record<string, boolean> = {
  running: true,
  starting: true,
  'resized.starting': true,
  'rebooting.softly': true,
  'rebooting.hard': true,
  paused: true,
  suspended: true,
  'resized.running': true,
  'resized.paused': true,
  'resized.suspended': true,
  stopping: false,
  stopped: false,
  'resized.stopped': false,
};
