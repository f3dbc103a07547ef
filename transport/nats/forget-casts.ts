/** Takes away what was cast to a part that is no more, and its place in the work queue. A no-op when there is nothing. */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { Nats } from './bus.ts';
import { consumerNotFound } from './queue-consumer.ts';
import { streams } from './subjects.ts';

/** By the name of its consumer, and the subject of its casts. */
export interface ForgottenPart {
  durable: string;
  subject: string;
}

export async function forgetCasts({ manager }: Nats, { durable, subject }: ForgottenPart): Promise<void> {
  try {
    await manager.consumers.delete(streams.casts.name, durable);
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.code === consumerNotFound)) throw error;
  }
  await manager.streams.purge(streams.casts.name, { filter: subject });
}
