/** What the chart of an instance hears, and what it tells. */
import type { Timed } from '../effect.ts';
import type { Failure } from '../failure.ts';
import type { InstanceFlavor } from './context.ts';

/** Nova's power states. */
export type PowerState = 'running' | 'paused' | 'shutdown' | 'suspended' | 'crashed' | 'nostate';
export type ReportedPowerState = PowerState | 'absent';
/** The power states that an instance can rest in; a domain in another one is lost. */
export type GuestState = 'running' | 'paused' | 'shutdown' | 'suspended';

/** What a guest does by itself comes with a reason, in words for people, where one is known. */
interface Explained extends Timed {
  reason?: string;
}

export type InstanceEvent =
  | ({ type: 'instance.scheduled'; host: string } & Timed)
  | ({ type: 'placement.failed'; failure: Failure } & Timed)
  | ({ type: 'instance.start' } & Timed)
  | ({ type: 'instance.stop' } & Timed)
  | ({ type: 'instance.reboot'; how: 'soft' | 'hard' } & Timed)
  | ({ type: 'instance.pause' } & Timed)
  | ({ type: 'instance.unpause' } & Timed)
  | ({ type: 'instance.suspend' } & Timed)
  | ({ type: 'instance.resume' } & Timed)
  | ({ type: 'instance.rebuild'; imageId: string; payload?: string | undefined } & Timed)
  | ({ type: 'instance.resize'; flavor: InstanceFlavor } & Timed)
  | ({ type: 'instance.confirm-resize' } & Timed)
  | ({ type: 'instance.revert-resize' } & Timed)
  | ({
      type: 'instance.evacuate';
      failure: Failure;
      host?: string | undefined;
      sharedDisks?: string | undefined;
    } & Timed)
  | ({ type: 'instance.delete' } & Timed)
  | ({ type: 'host.lost'; failure: Failure } & Timed)
  | ({ type: 'domain.changed'; powerState: ReportedPowerState } & Explained)
  | ({ type: 'guest.restart' } & Explained)
  | ({ type: 'release.retry' } & Timed);

/** Nova's words for what a client sees. A state without a `vmState` keeps the one of the state before it. */
export interface InstanceMeta {
  vmState?: 'building' | 'active' | 'stopped' | 'paused' | 'suspended' | 'resized' | 'deleted' | 'error';
  taskState?: string;
  powerState?: PowerState;
}

/**
 * What a state is to those who do not run the chart. `control`: the control plane owns it; `placing`: the scheduler is to
 * choose a host; `placed`: the host that was chosen has not begun yet; `unclaimed`: it has not set the instance's share
 * aside yet; `guestless`: it has no guest yet, or none any more; `givingBack`: the instance may have given its ports back
 * already, and its record still names them; `shareless`: nothing is held of a host any more.
 */
export type InstanceTag = 'control' | 'placing' | 'placed' | 'unclaimed' | 'guestless' | 'givingBack' | 'shareless';

/** Nova's usage notifications. */
export interface InstanceNotification {
  type: `compute.instance.${NotificationName}`;
}

export type NotificationName =
  `${'create' | 'delete' | 'rebuild' | 'resize' | 'resize.confirm' | 'resize.revert' | 'evacuate'}.${'start' | 'end' | 'error'}`;
