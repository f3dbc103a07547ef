/** Everything is given back, for a deletion or after a failure. Nova's `_shutdown_instance` and `_cleanup_build_artifacts`. */
import { blame, state, tell, wishDeletion } from './setup.ts';
import { within } from './timeouts.ts';

/** Where an instance goes that has given everything back. */
const released = [
  { guard: 'isDeleteWanted', target: '#instance.deleted', actions: 'clearPorts' },
  { guard: 'mayBePlacedAgain', target: '#instance.scheduling', actions: ['clearPorts', 'beginNextAttempt'] },
  ...(['building', 'networking', 'mapping'] as const).map((step) => ({
    guard: { type: 'hasFailedDuring', params: { step } } as const,
    target: `#instance.failed.${step}` as const,
    actions: ['clearPorts', 'giveUp'] as const,
  })),
  { target: '#instance.failed.spawning', actions: ['clearPorts', 'giveUp'] },
] as const;

/** Whatever step of it failed: the rest waits until it can be done. */
const stillHeld = { target: '#instance.failed.releasing', actions: blame('releasing') } as const;

export const releasing = state({
  description: 'Everything that the instance holds is given back, in reverse order: for a deletion, or a failure.',
  tags: 'givingBack',
  meta: { taskState: 'releasing' },
  on: {
    'instance.delete': { actions: wishDeletion },
    'host.lost': { target: 'reclaiming' },
  },
  initial: 'destroyingDomain',
  states: {
    destroyingDomain: {
      description: 'The domain is stopped and undefined.',
      invoke: {
        src: 'destroyDomain',
        input: within('releaseTimeout'),
        onDone: { target: 'removingFilter' },
        onError: stillHeld,
      },
    },
    removingFilter: {
      description: 'The instance filter is removed.',
      tags: 'guestless',
      invoke: {
        src: 'removeFilter',
        input: within('releaseTimeout'),
        onDone: { target: 'removingDisks' },
        onError: stillHeld,
      },
    },
    removingDisks: {
      description: 'The overlay and the config drive are removed.',
      tags: 'guestless',
      invoke: {
        src: 'removeDisks',
        input: within('releaseTimeout'),
        onDone: { target: 'unmappingBlockDevices' },
        onError: stillHeld,
      },
    },
    unmappingBlockDevices: {
      description: 'The volumes are disconnected.',
      tags: 'guestless',
      invoke: {
        src: 'unmapBlockDevices',
        input: within('releaseTimeout'),
        onDone: { target: 'releasingNetwork' },
        onError: stillHeld,
      },
    },
    releasingNetwork: {
      description: 'The ports and their fixed IPs are given back.',
      tags: 'guestless',
      invoke: {
        src: 'releaseNetwork',
        input: within('releaseTimeout'),
        onDone: { target: 'releasingClaim' },
        onError: stillHeld,
      },
    },
    releasingClaim: {
      description: 'The host’s share is given back.',
      tags: 'guestless',
      invoke: {
        src: 'releaseClaim',
        input: within('releaseTimeout'),
        onDone: released,
        onError: stillHeld,
      },
    },
  },
});

export const reclaiming = state({
  description: 'The host is down: what does not live there is given back. It removes the rest itself when it returns.',
  tags: ['control', 'givingBack'],
  meta: { taskState: 'releasing' },
  on: { 'instance.delete': { actions: wishDeletion } },
  invoke: {
    src: 'releaseNetwork',
    input: within('releaseTimeout'),
    onDone: released,
    onError: { target: 'failed.reclaiming', actions: blame('releasing') },
  },
});

export const deleted = state({
  description: 'Nothing of the instance is left but its record.',
  tags: 'shareless',
  meta: { vmState: 'deleted' },
  type: 'final',
  entry: ['recordTermination', tell('delete.end')],
});
