/** What a guest does, and is made to do. Nova's power operations, and its `_sync_instance_power_state`. */
import { blame, state } from './setup.ts';
import { within } from './timeouts.ts';

/** An operation that failed says nothing about what the guest does now. */
const uncertain = { target: '#instance.inspecting', actions: blame('powering') } as const;

export const running = state({
  description: 'The guest runs.',
  meta: { vmState: 'active', powerState: 'running' },
  entry: 'noteToRun',
  on: {
    'instance.stop': { target: 'stopping', actions: 'clearFault' },
    'instance.reboot': [
      { guard: 'isSoft', target: 'rebooting.softly', actions: 'clearFault' },
      { target: 'rebooting.hard', actions: 'clearFault' },
    ],
    'instance.pause': { target: 'pausing', actions: 'clearFault' },
    'instance.suspend': { target: 'suspending', actions: 'clearFault' },
    'instance.rebuild': {
      target: 'rebuilding',
      actions: ['clearFault', { type: 'recordRebuild', params: ({ event }) => event }],
    },
    'instance.resize': {
      target: 'resizing',
      actions: ['clearFault', { type: 'recordWantedFlavor', params: ({ event }) => event }],
    },
    'domain.changed': { guard: { type: 'isOtherThan', params: { powerState: 'running' } }, target: 'inspecting' },
    'guest.restart': { target: 'starting', actions: 'clearFault' },
  },
});

export const stopping = state({
  description: 'The guest is asked to power off; after a grace period the plug is pulled.',
  meta: { vmState: 'active', taskState: 'powering-off' },
  entry: 'noteToStayOff',
  invoke: {
    src: 'stopDomain',
    input: within('powerTimeout'),
    onDone: { target: 'stopped' },
    onError: uncertain,
  },
});

export const stopped = state({
  description: 'The guest is off; its disk, addresses and claim are kept.',
  meta: { vmState: 'stopped', powerState: 'shutdown' },
  entry: 'noteToStayOff',
  on: {
    'instance.start': { target: 'starting', actions: 'clearFault' },
    'instance.reboot': { guard: 'isHard', target: 'rebooting.hard', actions: 'clearFault' },
    'instance.rebuild': {
      target: 'rebuilding',
      actions: ['clearFault', { type: 'recordRebuild', params: ({ event }) => event }],
    },
    'instance.resize': {
      target: 'resizing',
      actions: ['clearFault', { type: 'recordWantedFlavor', params: ({ event }) => event }],
    },
    'domain.changed': { guard: { type: 'isOtherThan', params: { powerState: 'shutdown' } }, target: 'inspecting' },
  },
});

export const starting = state({
  description: 'The domain is started again.',
  meta: { vmState: 'stopped', taskState: 'powering-on' },
  entry: 'noteToRun',
  invoke: {
    src: 'startDomain',
    input: within('powerTimeout'),
    onDone: { target: 'running' },
    onError: uncertain,
  },
});

export const rebooting = state({
  description: 'The guest restarts: by itself when asked softly, off and on again otherwise.',
  entry: 'noteToRun',
  initial: 'softly',
  states: {
    softly: {
      description: 'The guest is asked to restart itself; one that does not is rebooted hard, as Nova does.',
      meta: { vmState: 'active', taskState: 'rebooting' },
      invoke: {
        src: 'rebootSoftly',
        input: within('softRebootTimeout'),
        onDone: { target: '#instance.running' },
        onError: { target: 'hard' },
      },
    },
    hard: {
      description: 'The domain is destroyed and started again.',
      meta: { vmState: 'active', taskState: 'rebooting_hard' },
      invoke: {
        src: 'rebootHard',
        input: within('powerTimeout'),
        onDone: { target: '#instance.running' },
        onError: uncertain,
      },
    },
  },
});

export const pausing = state({
  description: 'The guest’s vCPUs are halted.',
  meta: { vmState: 'active', taskState: 'pausing' },
  invoke: {
    src: 'pauseDomain',
    input: within('powerTimeout'),
    onDone: { target: 'paused' },
    onError: uncertain,
  },
});

export const paused = state({
  description: 'The guest is halted in memory.',
  meta: { vmState: 'paused', powerState: 'paused' },
  entry: 'noteToRun',
  on: {
    'instance.unpause': { target: 'unpausing', actions: 'clearFault' },
    'instance.reboot': { guard: 'isHard', target: 'rebooting.hard', actions: 'clearFault' },
    'domain.changed': { guard: { type: 'isOtherThan', params: { powerState: 'paused' } }, target: 'inspecting' },
    'guest.restart': { target: 'starting', actions: 'clearFault' },
  },
});

export const unpausing = state({
  description: 'The guest’s vCPUs go on.',
  meta: { vmState: 'paused', taskState: 'unpausing' },
  invoke: {
    src: 'unpauseDomain',
    input: within('powerTimeout'),
    onDone: { target: 'running' },
    onError: uncertain,
  },
});

export const suspending = state({
  description: 'The guest’s memory is written to disk.',
  meta: { vmState: 'active', taskState: 'suspending' },
  invoke: {
    src: 'suspendDomain',
    input: within('powerTimeout'),
    onDone: { target: 'suspended' },
    onError: uncertain,
  },
});

export const suspended = state({
  description: 'The guest is on disk, and uses neither vCPU nor memory.',
  meta: { vmState: 'suspended', powerState: 'suspended' },
  entry: 'noteToRun',
  on: {
    'instance.resume': { target: 'resuming', actions: 'clearFault' },
    'instance.reboot': { guard: 'isHard', target: 'rebooting.hard', actions: 'clearFault' },
    'domain.changed': { guard: { type: 'isOtherThan', params: { powerState: 'suspended' } }, target: 'inspecting' },
  },
});

export const resuming = state({
  description: 'The guest is started from its memory on disk.',
  meta: { vmState: 'suspended', taskState: 'resuming' },
  invoke: {
    src: 'resumeDomain',
    input: within('powerTimeout'),
    onDone: { target: 'running' },
    onError: uncertain,
  },
});

export const inspecting = state({
  description: 'The hypervisor is asked what the guest really does, instead of guessing.',
  meta: { taskState: 'inspecting' },
  on: { 'domain.changed': { target: 'inspecting', reenter: true } },
  invoke: {
    src: 'inspectDomain',
    input: within('inspectionTimeout'),
    onDone: [
      { guard: { type: 'isReported', params: { powerState: 'running' } }, target: 'running' },
      { guard: { type: 'isReported', params: { powerState: 'shutdown' } }, target: 'stopped' },
      { guard: { type: 'isReported', params: { powerState: 'paused' } }, target: 'paused' },
      { target: 'suspended' },
    ],
    onError: { target: 'failed.powering', actions: blame('powering') },
  },
});
