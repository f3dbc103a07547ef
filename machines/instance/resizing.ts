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
        'instance.confirm-resize': { target: '#instance.confirming', actions: 'clearFault' },
        'instance.revert-resize': { target: '#instance.reverting', actions: 'clearFault' },
        'domain.changed': { guard: { type: 'isOtherThan', params: { powerState: 'running' } }, target: 'stopped' },
      },
    },
    stopped: {
      description: 'The guest does not run.',
      meta: { powerState: 'shutdown' },
      entry: 'noteToStayOff',
      on: {
        'instance.confirm-resize': { target: '#instance.confirming', actions: 'clearFault' },
        'instance.revert-resize': { target: '#instance.reverting', actions: 'clearFault' },
        'domain.changed': { guard: { type: 'isReportedAs', params: { powerState: 'running' } }, target: 'running' },
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
