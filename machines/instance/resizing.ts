/** A resize on the same host, until it is confirmed or reverted. Nova's `resize_instance` and what follows from it. */
import { blame, state, tell } from './setup.ts';
import { within } from './timeouts.ts';

/** Once more is claimed: whatever step failed, everything is put back as it was. */
const undone = { target: '#instance.reverting', actions: [blame('resizing'), tell('resize.error')] } as const;
const notUndone = { target: '#instance.failed.resizing', actions: blame('resizing') } as const;

export const resizing = state({
  description: 'The instance is given another flavor on its host; what it had is kept beside it.',
  meta: { taskState: 'resize_prep' },
  entry: tell('resize.start'),
  initial: 'claiming',
  states: {
    claiming: {
      description: 'Sets aside what the new flavor needs more than the one before.',
      invoke: {
        src: 'claimResize',
        input: within('claimTimeout'),
        onDone: {
          target: 'stoppingGuest',
          actions: {
            type: 'adoptFlavor',
            params: ({ event }) => ({ previousFlavor: event.output.previousFlavor }),
          },
        },
        onError: {
          target: '#instance.inspecting',
          actions: ['clearWantedFlavor', blame('resizing'), tell('resize.error')],
        },
      },
    },
    stoppingGuest: {
      description: 'The guest is asked to power off; after a grace period the plug is pulled.',
      invoke: {
        src: 'stopDomain',
        input: within('powerTimeout'),
        onDone: { target: 'resizingDisks' },
        onError: undone,
      },
    },
    resizingDisks: {
      description: 'The disk is put aside, and a copy of it grows to the new size.',
      meta: { taskState: 'resize_migrating' },
      invoke: {
        src: 'resizeDisks',
        input: within('diskTimeout'),
        onDone: { target: 'definingDomain' },
        onError: undone,
      },
    },
    definingDomain: {
      description: 'The domain is defined anew, with the vCPUs and memory of the new flavor.',
      meta: { taskState: 'resize_finish' },
      invoke: {
        src: 'defineDomain',
        input: within('domainTimeout'),
        onDone: [
          { guard: 'isToRun', target: 'startingGuest' },
          { target: '#instance.resized.stopped', actions: tell('resize.end') },
        ],
        onError: undone,
      },
    },
    startingGuest: {
      description: 'The guest ran before, and is started again.',
      meta: { taskState: 'resize_finish' },
      invoke: {
        src: 'startDomain',
        input: within('powerTimeout'),
        onDone: { target: '#instance.resized.running', actions: tell('resize.end') },
        onError: undone,
      },
    },
  },
});

/** What a client may decide of a resize, whatever the guest does. */
const decisions = {
  'instance.confirm-resize': { target: '#instance.confirming', actions: 'clearFault' },
  'instance.revert-resize': { target: '#instance.reverting', actions: 'clearFault' },
} as const;

export const resized = state({
  description: 'The instance has its new flavor; the earlier disk is kept until that is confirmed or reverted.',
  meta: { vmState: 'resized' },
  initial: 'running',
  states: {
    running: {
      description: 'The guest runs.',
      meta: { powerState: 'running' },
      entry: 'noteToRun',
      on: {
        ...decisions,
        'domain.changed': { guard: { type: 'isOtherThan', params: { powerState: 'running' } }, target: 'inspecting' },
        'guest.restart': { target: 'starting', actions: 'clearFault' },
      },
    },
    stopped: {
      description: 'The guest does not run.',
      meta: { powerState: 'shutdown' },
      entry: 'noteToStayOff',
      on: {
        ...decisions,
        'domain.changed': { guard: { type: 'isOtherThan', params: { powerState: 'shutdown' } }, target: 'inspecting' },
      },
    },
    paused: {
      description: 'The guest is halted in memory: an I/O error, or its watchdog, has halted it.',
      meta: { powerState: 'paused' },
      entry: 'noteToRun',
      on: {
        ...decisions,
        'domain.changed': { guard: { type: 'isOtherThan', params: { powerState: 'paused' } }, target: 'inspecting' },
        'guest.restart': { target: 'starting', actions: 'clearFault' },
      },
    },
    suspended: {
      description: 'The guest is on disk, where its host has put it.',
      meta: { powerState: 'suspended' },
      entry: 'noteToRun',
      on: {
        ...decisions,
        'domain.changed': { guard: { type: 'isOtherThan', params: { powerState: 'suspended' } }, target: 'inspecting' },
      },
    },
    starting: {
      description: 'The domain is started again, as its host wants it.',
      meta: { taskState: 'powering-on' },
      invoke: {
        src: 'startDomain',
        input: within('powerTimeout'),
        onDone: { target: 'running' },
        onError: { target: 'inspecting', actions: blame('powering') },
      },
    },
    inspecting: {
      description: 'The hypervisor is asked what the guest really does; the resize stays open meanwhile.',
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
        onError: { target: 'lost', actions: blame('powering') },
      },
    },
    lost: {
      description: 'What the guest does is unknown, or its domain is lost; the resize is still to be decided.',
      meta: { powerState: 'nostate' },
      on: {
        ...decisions,
        'domain.changed': { target: 'inspecting' },
      },
    },
    confirmed: {
      description:
        'It is confirmed, and the earlier disk may be half gone: nothing leads back, removing is tried again.',
      on: {
        'instance.confirm-resize': { target: '#instance.confirming', actions: 'clearFault' },
        'release.retry': { target: '#instance.confirming' },
      },
    },
  },
});

export const confirming = state({
  description: 'It is decided: the earlier disk is removed, and what was set aside for it given back.',
  meta: { vmState: 'resized', taskState: 'resize_confirming' },
  entry: tell('resize.confirm.start'),
  invoke: {
    src: 'confirmResize',
    input: within('releaseTimeout'),
    onDone: { target: 'inspecting', actions: ['clearPreviousFlavor', tell('resize.confirm.end')] },
    onError: { target: 'resized.confirmed', actions: [blame('resizing'), tell('resize.confirm.error')] },
  },
});

export const reverting = state({
  description: 'The instance is given its earlier flavor and disk back: because it is asked for, or a resize failed.',
  meta: { taskState: 'resize_reverting' },
  entry: tell('resize.revert.start'),
  initial: 'destroyingDomain',
  states: {
    destroyingDomain: {
      description: 'The plug is pulled, and the domain undefined: what the guest wrote since is given up.',
      invoke: {
        src: 'destroyDomain',
        input: within('releaseTimeout'),
        onDone: { target: 'restoringDisks' },
        onError: notUndone,
      },
    },
    restoringDisks: {
      description: 'The disk that was put aside takes its place again.',
      invoke: {
        src: 'restoreDisks',
        input: within('diskTimeout'),
        onDone: { target: 'definingDomain', actions: 'restoreFlavor' },
        onError: notUndone,
      },
    },
    definingDomain: {
      description: 'The domain is defined as it was; it starts when the guest ran before.',
      invoke: {
        src: 'defineDomain',
        input: within('domainTimeout'),
        onDone: [
          { guard: 'isToRun', target: '#instance.starting', actions: tell('resize.revert.end') },
          { target: '#instance.stopped', actions: tell('resize.revert.end') },
        ],
        onError: notUndone,
      },
    },
  },
});
