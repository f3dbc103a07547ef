/**
 * The whole life of one instance. What happens in each part of it says its file in `instance/`: as one literal it would
 * be over a thousand lines, in which nobody sees the order of the life that is seen here.
 *
 * Created by the cloud controller for an accepted request, in `scheduling`; ends in `deleted`. One process owns it at
 * any time: the control plane in the states tagged `control`, where it is placed, or taken over from a host that is
 * down; in all others the compute host that it was placed on. It moves between them, and survives restarts, as its
 * persisted snapshot: the effect of the state that it was in runs again, with the same deadline. Nova's counterpart is
 * nova/compute/manager.py: `_run_instance`, `_shutdown_instance`, the power operations and `rebuild_instance`.
 *
 * Hears a client's commands (`instance.*`), the scheduler's answer (`instance.scheduled`, `placement.failed`), what the
 * hypervisor reports (`domain.changed`), what its host wants of it (`guest.restart`), that what it holds is to be given
 * back once more (`release.retry`), and that its host was declared down (`host.lost`). Emits Nova's usage notifications
 * (`compute.instance.create.start` …). Every step that fails gives back, in `releasing`, what the steps before it took;
 * then the instance is placed again, or rests in the state of `failed` that is named for what failed.
 */
import { evacuating } from './instance/evacuating.ts';
import { failed } from './instance/failed.ts';
import { building, mapping, networking, scheduling, spawning } from './instance/launching.ts';
import {
  inspecting,
  paused,
  pausing,
  rebooting,
  resuming,
  running,
  starting,
  stopped,
  stopping,
  suspended,
  suspending,
  unpausing,
} from './instance/power.ts';
import { rebuilding } from './instance/rebuilding.ts';
import { deleted, reclaiming, releasing } from './instance/releasing.ts';
import { confirming, resized, resizing, reverting } from './instance/resizing.ts';
import { instanceSetup, wishDeletion } from './instance/setup.ts';

/**
 * A stored format. To be bumped when a record from before could not be read any more, or would be read wrongly: a state,
 * an effect or a part of the context has another name, another meaning, or is gone; or what no record had is needed now.
 * What is only added (a state, an effect, what the context may have) is in no record from before.
 */
export const instanceSnapshotVersion = 1;

export const instanceMachine = instanceSetup.createMachine({
  id: 'instance',
  description: 'The life of one virtual machine, from the accepted request to its deletion.',
  context: ({ input }) => ({
    uuid: input.uuid,
    maxAttempts: input.maxAttempts,
    attempt: 1,
    tried: [],
    ports: [],
    isDeleteWanted: false,
  }),
  initial: 'scheduling',
  on: {
    'instance.delete': { target: '.releasing', actions: wishDeletion },
    'instance.evacuate': { guard: 'hasGuest', target: '.evacuating', actions: 'leaveLostHost' },
  },
  states: {
    // It is placed, and its host makes it.
    scheduling,
    building,
    networking,
    mapping,
    spawning,

    // What its guest does, and is made to do.
    running,
    stopping,
    stopped,
    starting,
    rebooting,
    pausing,
    paused,
    unpausing,
    suspending,
    suspended,
    resuming,
    inspecting,

    // It is changed, or goes on elsewhere.
    rebuilding,
    resizing,
    resized,
    confirming,
    reverting,
    evacuating,

    // It gives back what it holds.
    releasing,
    reclaiming,
    deleted,

    failed,
  },
});

export type { InstanceContext, InstanceFault, InstanceFlavor, InstanceInput, Step } from './instance/context.ts';
export type {
  InstanceEvent,
  InstanceMeta,
  InstanceNotification,
  InstanceTag,
  PowerState,
  ReportedPowerState,
} from './instance/events.ts';
export { instanceTimeouts } from './instance/timeouts.ts';
