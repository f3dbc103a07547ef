/** Keeps the work queue free of what is done: one that holds casts which nobody will ever be given looks busy, and grows. */
import { toFailure } from '../../machines/failure.ts';
import { every } from '../../transport/clock.ts';
import type { ControllerWorld } from './writes.ts';

const sweepEveryMs = 10_000;

/** Returns the function that ends it. */
export async function startCastSweep({ bus, clock, logger }: ControllerWorld): Promise<() => void> {
  return every(clock, sweepEveryMs, async () => {
    try {
      await bus.removeDoneCasts();
    } catch (error) {
      logger.debug({ failure: toFailure(error) }, 'the work queue could not be swept');
    }
  });
}
