/** An evacuation: its host is down, and the instance goes on elsewhere. Nova's `rebuild_instance` with `recreate`. */
import { blame, state, tell, wishDeletion } from './setup.ts';
import { within } from './timeouts.ts';

/** No other host would do: the instance is where it was, as far as that can be told. */
const stayed = { target: '#instance.failed.powering', actions: ['returnToLostHost', tell('evacuate.error')] } as const;
const notPlaced = { ...stayed, actions: [blame('evacuating'), ...stayed.actions] } as const;

export const evacuating = state({
  description:
    'The host is down: the instance is made anew on another one, and keeps its name and addresses; its disk, too, ' +
    'where both hosts share it.',
  meta: { taskState: 'rebuilding' },
  entry: tell('evacuate.start'),
  on: {
    'host.lost': [
      { guard: 'mayLeaveForAnother', target: '.leaving', actions: [blame('evacuating'), 'beginNextAttempt'] },
      { guard: 'isPlaced', target: '.returning', actions: blame('evacuating') },
    ],
  },
  initial: 'leaving',
  states: {
    leaving: {
      description:
        'Should the host live after all, and return, it has to say first that nothing of it is there any more.',
      tags: 'control',
      invoke: {
        src: 'leaveLostHosts',
        input: within('leaveTimeout'),
        onDone: { target: 'scheduling' },
        onError: notPlaced,
      },
      on: { 'instance.delete': { target: '#instance.reclaiming', actions: wishDeletion } },
    },
    scheduling: {
      description: 'The scheduler is asked to choose another host. Without one, the instance stays where it is.',
      tags: ['control', 'placing'],
      invoke: {
        src: 'requestPlacement',
        input: within('placementTimeout'),
        onError: notPlaced,
      },
      on: {
        'instance.scheduled': {
          target: 'claiming',
          actions: { type: 'recordHost', params: ({ event }) => ({ host: event.host }) },
        },
        'placement.failed': notPlaced,
        'instance.delete': { target: '#instance.reclaiming', actions: wishDeletion },
      },
    },
    claiming: {
      description: 'Sets aside what the flavor asks for.',
      tags: ['placed', 'unclaimed', 'guestless'],
      invoke: {
        src: 'claimResources',
        input: within('claimTimeout'),
        onDone: { target: 'networking' },
        onError: { target: 'releasingClaim', actions: blame('evacuating') },
      },
    },
    networking: {
      description: 'The ports that it has are moved to the host.',
      tags: 'guestless',
      invoke: {
        src: 'allocateNetwork',
        input: within('networkTimeout'),
        onDone: {
          target: 'creatingDisks',
          actions: { type: 'recordPorts', params: ({ event }) => ({ ports: event.output.ports }) },
        },
        onError: { target: 'releasingClaim', actions: blame('evacuating') },
      },
    },
    creatingDisks: {
      description: 'The disk that both hosts share is found; or an overlay is made on its image.',
      tags: 'guestless',
      invoke: {
        src: 'createDisks',
        input: within('imageTimeout'),
        onDone: { target: 'definingDomain' },
        onError: { target: 'destroyingDomain', actions: blame('evacuating') },
      },
    },
    definingDomain: {
      description: 'The domain is defined; it starts when the guest ran before.',
      invoke: {
        src: 'defineDomain',
        input: within('domainTimeout'),
        onDone: [
          { guard: 'isToRun', target: '#instance.starting', actions: ['forgetLostHost', tell('evacuate.end')] },
          { target: '#instance.stopped', actions: ['forgetLostHost', tell('evacuate.end')] },
        ],
        onError: { target: 'destroyingDomain', actions: blame('evacuating') },
      },
    },
    destroyingDomain: {
      description: 'It did not work out here: the domain is undefined again. A disk that is kept stays where it is.',
      invoke: {
        src: 'destroyDomain',
        input: within('releaseTimeout'),
        onDone: { target: 'removingDisks' },
        onError: { target: 'removingDisks' },
      },
    },
    removingDisks: {
      description: 'The overlay and the config drive are removed again; a disk that is kept stays where it is.',
      tags: 'guestless',
      invoke: {
        src: 'removeDisks',
        input: within('releaseTimeout'),
        onDone: { target: 'releasingClaim' },
        onError: { target: 'releasingClaim' },
      },
    },
    releasingClaim: {
      description: 'The host’s share is given back; the ports are kept.',
      tags: 'guestless',
      invoke: {
        src: 'releaseClaim',
        input: within('releaseTimeout'),
        onDone: [
          { guard: 'mayBePlacedAgain', target: 'scheduling', actions: 'beginNextAttempt' },
          { target: 'returning' },
        ],
        onError: { target: 'returning' },
      },
    },
    returning: {
      description: 'No host is tried any more: those that were are to forget it, before it is the lost one’s again.',
      tags: 'control',
      entry: ['giveUp', 'leaveHost'],
      invoke: {
        src: 'leaveTriedHosts',
        input: within('releaseTimeout'),
        onDone: stayed,
        onError: stayed,
      },
      on: { 'instance.delete': { target: '#instance.reclaiming', actions: wishDeletion } },
    },
  },
});
