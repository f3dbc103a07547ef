/** What every part is given by the process that it runs in. */

import type { Chance, Clock } from '../../transport/clock.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { ensureCastStream } from '../../transport/nats/cast.ts';
import { ensureFactStream } from '../../transport/nats/fact.ts';
import type { Logger } from './logger.ts';
import { Store } from './store.ts';

export interface Runtime {
  readonly bus: Bus;
  readonly store: Store;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly logger: Logger;
}

/** A part that runs: an API server, a scheduler, … */
export interface Part {
  /** Takes no more messages, and resolves when those in hand are done and durable. */
  stop(): Promise<void>;
}

export async function createRuntime({ bus, clock, chance, logger }: Omit<Runtime, 'store'>): Promise<Runtime> {
  await Promise.all([ensureCastStream(bus.nats), ensureFactStream(bus.nats)]);
  return { bus, store: new Store(bus, logger), clock, chance, logger };
}
