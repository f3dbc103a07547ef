/** Takes away what was cast to a part that is no more, and its place in the work queue. A no-op when there is nothing. */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { Bus } from './bus.ts';
import { streams } from './subjects.ts';

export async function forgetCasts(bus: Bus, { durable, subject }: { durable: string; subject: string }): Promise<void> {
  const { manager } = bus.nats;
  try {
    await manager.consumers.delete(streams.casts.name, durable);
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.code === consumerNotFound)) throw error;
  }
  await manager.streams.purge(streams.casts.name, { filter: subject });
}

/** JetStream's "consumer not found". */
const consumerNotFound = 10014;
