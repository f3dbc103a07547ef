/** What every part is given by the process that it runs in. */

import type { Chance, Clock } from '../../transport/clock.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { ensureCastStream } from '../../transport/nats/cast.ts';
import { ensureFactStream } from '../../transport/nats/fact.ts';
import type { Logger } from './logger.ts';
import { type Pulse, standardPulse } from './pulse.ts';
import { Store } from './store.ts';

export interface Runtime {
  readonly bus: Bus;
  readonly store: Store;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly logger: Logger;
  readonly pulse: Pulse;
  /** How often a cast is tried before it becomes a dead letter; absent: as often as is usual. */
  readonly maxDeliveries?: number | undefined;
}

/** A part that runs: an API server, a scheduler, … */
export interface Part {
  /** Takes no more messages, and resolves when those in hand are done and durable. */
  stop(): Promise<void>;
}

export async function createRuntime(
  given: Omit<Runtime, 'store' | 'pulse'> & Partial<Pick<Runtime, 'pulse'>>,
): Promise<Runtime> {
  const { bus, logger, pulse = standardPulse } = given;
  await Promise.all([ensureCastStream(bus.nats), ensureFactStream(bus.nats)]);
  return { ...given, pulse, store: new Store(bus, logger, pulse) };
}
