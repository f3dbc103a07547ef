/** What a client may see of an instance in each state, in Nova's words. */

export interface Visible {
  vmState: string;
  powerState: string;
  taskState: string | undefined;
  /** Of the two that resizes go between. */
  flavor: Flavor;
  /** What it had before a resize that is undecided. */
  earlierFlavor: Flavor | undefined;
  /** The step of the last failure that no command has cleared since. */
  fault: string | undefined;
}

export type Flavor = 'first' | 'second';

/** What is told of each state; what a state does not say stays as it was. */
export type Words = Partial<Pick<Visible, 'vmState' | 'powerState' | 'taskState'>>;

/** Of a state, or of the states within it. */
const words: Record<string, Words> = {
  scheduling: { vmState: 'building', taskState: 'scheduling' },
  building: { vmState: 'building' },
  networking: { vmState: 'building', taskState: 'networking' },
  mapping: { vmState: 'building', taskState: 'block_device_mapping' },
  spawning: { vmState: 'building', taskState: 'spawning' },
  running: { vmState: 'active', powerState: 'running' },
  stopping: { vmState: 'active', taskState: 'powering-off' },
  stopped: { vmState: 'stopped', powerState: 'shutdown' },
  starting: { vmState: 'stopped', taskState: 'powering-on' },
  'rebooting.softly': { vmState: 'active', taskState: 'rebooting' },
  'rebooting.hard': { vmState: 'active', taskState: 'rebooting_hard' },
  pausing: { vmState: 'active', taskState: 'pausing' },
  paused: { vmState: 'paused', powerState: 'paused' },
  unpausing: { vmState: 'paused', taskState: 'unpausing' },
  suspending: { vmState: 'active', taskState: 'suspending' },
  suspended: { vmState: 'suspended', powerState: 'suspended' },
  resuming: { vmState: 'suspended', taskState: 'resuming' },
  rebuilding: { taskState: 'rebuilding' },
  'rebuilding.creatingDisks': { taskState: 'rebuild_spawning' },
  'rebuilding.definingDomain': { taskState: 'rebuild_spawning' },
  resizing: { taskState: 'resize_prep' },
  'resizing.resizingDisks': { taskState: 'resize_migrating' },
  'resizing.definingDomain': { taskState: 'resize_finish' },
  'resizing.startingGuest': { taskState: 'resize_finish' },
  'resized.running': { vmState: 'resized', powerState: 'running' },
  'resized.stopped': { vmState: 'resized', powerState: 'shutdown' },
  'resized.paused': { vmState: 'resized', powerState: 'paused' },
  'resized.suspended': { vmState: 'resized', powerState: 'suspended' },
  'resized.starting': { vmState: 'resized', taskState: 'powering-on' },
  'resized.inspecting': { vmState: 'resized', taskState: 'inspecting' },
  'resized.lost': { vmState: 'resized', powerState: 'nostate' },
  'resized.confirmed': { vmState: 'resized' },
  confirming: { vmState: 'resized', taskState: 'resize_confirming' },
  reverting: { taskState: 'resize_reverting' },
  evacuating: { taskState: 'rebuilding' },
  reclaiming: { taskState: 'releasing' },
  inspecting: { taskState: 'inspecting' },
  releasing: { taskState: 'releasing' },
  deleted: { vmState: 'deleted', powerState: 'nostate' },
  failed: { vmState: 'error' },
  'failed.powering': { vmState: 'error', powerState: 'nostate' },
  'failed.resizing': { vmState: 'error', powerState: 'nostate' },
};

export function wordsOf(state: string): Words {
  return words[state] ?? words[state.split('.')[0] ?? ''] ?? {};
}
