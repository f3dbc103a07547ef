/** What every part is given by the process that it runs in. */

import type { FailureError } from '../../machines/failure.ts';
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
  /** Of the process, for as long as it lives: tells what it has written from what another of its name has. */
  readonly incarnation: string;
  /** How often a cast is tried before it becomes a dead letter; absent: as often as is usual. */
  readonly maxDeliveries?: number | undefined;
}

/** A part that runs: an API server, a scheduler, … */
export interface Part {
  /** Resolves when it cannot go on, and has ended its work by itself. Absent: it always can. */
  readonly broken?: Promise<FailureError>;
  /** Takes no more messages, and resolves when those in hand are done and durable. */
  stop(): Promise<void>;
}

export async function createRuntime(
  given: Omit<Runtime, 'store' | 'pulse' | 'incarnation'> & Partial<Pick<Runtime, 'pulse' | 'incarnation'>>,
): Promise<Runtime> {
  const { bus, logger, chance, pulse = standardPulse, incarnation = chance.uuid() } = given;
  await Promise.all([ensureCastStream(bus.nats), ensureFactStream(bus.nats)]);
  return { ...given, pulse, incarnation, store: new Store(bus, logger, pulse) };
}
