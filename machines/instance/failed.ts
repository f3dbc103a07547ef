/** Where an instance rests that something went wrong with. */
import { state, tell, wishDeletion } from './setup.ts';

/** A launch that was given up: nothing is held, so to delete it is to say so. */
function notLaunched(description: string) {
  return state({
    description,
    tags: 'shareless',
    entry: tell('create.error'),
    on: { 'instance.delete': { target: '#instance.deleted', actions: wishDeletion } },
  });
}

export const failed = state({
  description: 'The instance rests, with a fault that says what failed.',
  meta: { vmState: 'error' },
  initial: 'spawning',
  states: {
    scheduling: notLaunched('No host could be found.'),
    building: notLaunched('The host refused the launch; nothing is held.'),
    networking: notLaunched('No address could be had; nothing is held.'),
    mapping: notLaunched('A block device could not be prepared; nothing is held.'),
    spawning: notLaunched('The virtual machine could not be made; nothing is held.'),
    powering: {
      description: 'What the guest does is unknown, or its domain is lost; everything is still held.',
      meta: { powerState: 'nostate' },
      on: {
        'instance.reboot': { guard: 'isHard', target: '#instance.rebooting.hard', actions: 'clearFault' },
        'instance.start': { target: '#instance.starting', actions: 'clearFault' },
        'instance.stop': { target: '#instance.stopping', actions: 'clearFault' },
        'instance.rebuild': {
          target: '#instance.rebuilding',
          actions: ['clearFault', { type: 'recordRebuild', params: ({ event }) => event }],
        },
        'domain.changed': { target: '#instance.inspecting' },
      },
    },
    resizing: {
      description: 'A resize could not be undone; everything is still held, the earlier disk too.',
      meta: { powerState: 'nostate' },
      entry: tell('resize.revert.error'),
      on: {
        'instance.revert-resize': { target: '#instance.reverting', actions: 'clearFault' },
      },
    },
    releasing: {
      description: 'Something could not be given back; deleting tries again, and the host when it can.',
      tags: 'givingBack',
      on: {
        'release.retry': { target: '#instance.releasing' },
        'host.lost': { target: '#instance.reclaiming' },
      },
    },
    reclaiming: {
      description:
        'The host is down, and the ports could not be given back; deleting tries again, and the control plane does.',
      tags: ['control', 'givingBack', 'shareless'],
      on: {
        'release.retry': { target: '#instance.reclaiming' },
        'instance.delete': { target: '#instance.reclaiming', actions: wishDeletion },
      },
    },
  },
});
