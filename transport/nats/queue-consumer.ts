/**
 * What the server knows of those who take from the work queue by one name: what was given out, and what is done.
 *
 * A nats-server that was killed knows it wrongly. It acknowledges before it writes: so it may take messages for given out
 * that it has lost, and whose numbers it gives to new ones, of hundreds where the queue was empty; wait for some that are
 * done; and hold some that are done, and give them to nobody. So whoever comes first after it was started anew makes the
 * consumer anew, and all that the queue holds is given out once more. No number tells what is done: whoever takes a cast
 * knows, by the record that it is about.
 */
import { AckPolicy, type Consumer, DeliverPolicy, JetStreamApiError } from '@nats-io/jetstream';
import { nanos } from 'nats';
import type { Nats } from './bus.ts';
import { servedBy } from './served-by.ts';
import { streams } from './subjects.ts';
import type { ConsumeOptions } from './work-queue.ts';

/** JetStream's. */
export const consumerNotFound = 10014;

const stream = streams.casts.name;

/** Opens the consumer of the name, and makes it when it is not there, or was made before the server was started. */
export async function openQueueConsumer(
  nats: Nats,
  { durable, subject, ackWaitMs }: Pick<ConsumeOptions, 'durable' | 'subject' | 'ackWaitMs'>,
): Promise<Consumer> {
  const { connection, jetstream, manager } = nats;
  const server = servedBy(connection);
  const madeUnder = await descriptionOf(nats, durable);
  if (madeUnder !== server) {
    if (madeUnder !== undefined) await manager.consumers.delete(stream, durable);
    await manager.consumers.add(stream, {
      durable_name: durable,
      description: server,
      filter_subject: subject,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ackWaitMs),
      // Each process takes no more than it can have in hand.
      max_ack_pending: -1,
    });
  }
  return jetstream.consumers.get(stream, durable);
}

/** Nothing: there is no such consumer. */
async function descriptionOf({ manager }: Nats, durable: string): Promise<string | undefined> {
  try {
    return (await manager.consumers.info(stream, durable)).config.description ?? '';
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === consumerNotFound) return undefined;
    throw error;
  }
}
