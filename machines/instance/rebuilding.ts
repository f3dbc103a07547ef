/** A rebuild. Nova's `rebuild_instance`, of an instance that stays on its host. */
import { blame, state, tell } from './setup.ts';
import { within } from './timeouts.ts';

/** Whatever step of it failed: it is looked what is left of the guest. */
const notRebuilt = { target: '#instance.inspecting', actions: [blame('rebuilding'), tell('rebuild.error')] } as const;

export const rebuilding = state({
  description: 'The disk is made anew from the image; name, addresses and claim stay.',
  meta: { taskState: 'rebuilding' },
  entry: tell('rebuild.start'),
  initial: 'destroyingDomain',
  states: {
    destroyingDomain: {
      description: 'The plug is pulled, and the domain undefined.',
      invoke: {
        src: 'destroyDomain',
        input: within('releaseTimeout'),
        onDone: { target: 'removingDisks' },
        onError: notRebuilt,
      },
    },
    removingDisks: {
      description: 'The overlay and the config drive are removed.',
      tags: 'guestless',
      invoke: {
        src: 'removeDisks',
        input: within('releaseTimeout'),
        onDone: { target: 'creatingDisks' },
        onError: notRebuilt,
      },
    },
    creatingDisks: {
      description: 'An overlay is made on the image that is wanted now, and the config drive written.',
      tags: 'guestless',
      meta: { taskState: 'rebuild_spawning' },
      invoke: {
        src: 'createDisks',
        input: within('imageTimeout'),
        onDone: { target: 'definingDomain' },
        onError: notRebuilt,
      },
    },
    definingDomain: {
      description: 'The domain is defined anew; it starts when the guest ran before.',
      meta: { taskState: 'rebuild_spawning' },
      invoke: {
        src: 'defineDomain',
        input: within('domainTimeout'),
        onDone: [
          { guard: 'isToRun', target: '#instance.starting', actions: tell('rebuild.end') },
          { target: '#instance.stopped', actions: tell('rebuild.end') },
        ],
        onError: notRebuilt,
      },
    },
  },
});
