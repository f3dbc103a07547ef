/** How long the effects of an instance may take. */
import { type EffectKey, timeOf } from '../effect.ts';
import { hostTimeouts } from '../host.ts';
import type { InstanceContext } from './context.ts';

/** How long each wait may take, in ms. */
export const instanceTimeouts = {
  placementTimeout: 60_000,
  /** A host that returns compares all that it has before it hears of anything else. */
  leaveTimeout: hostTimeouts.reconcileTimeout + 60_000,
  claimTimeout: 15_000,
  networkTimeout: 30_000,
  blockDeviceTimeout: 60_000,
  filterTimeout: 60_000,
  imageTimeout: 600_000,
  domainTimeout: 180_000,
  bootTimeout: 300_000,
  powerTimeout: 180_000,
  softRebootTimeout: 60_000,
  diskTimeout: 600_000,
  inspectionTimeout: 30_000,
  releaseTimeout: 120_000,
} as const;

/** An effect's input: the key of what it is done for, and the deadline that the named timeout makes. */
export const within =
  (timeout: keyof typeof instanceTimeouts) =>
  ({ context, event }: { context: InstanceContext; event: object }): EffectKey => ({
    uuid: context.uuid,
    attempt: context.attempt,
    deadline: timeOf(event) + instanceTimeouts[timeout],
  });
