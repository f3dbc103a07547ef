/**
 * What the server knows of those who take from the work queue by one name: what was given out, and what is done.
 *
 * A nats-server that was killed knows it wrongly. It acknowledges before it writes: so it may take messages for given out
 * that it has lost, and whose numbers it gives to new ones; wait for some that are done; and hold some that are done, and
 * give them to nobody. So whoever comes first after it was started anew makes the consumer anew: all that the queue holds
 * is given out once more, but for what was done long before.
 */
import { AckPolicy, type Consumer, type ConsumerInfo, DeliverPolicy, JetStreamApiError } from '@nats-io/jetstream';
import { nanos } from 'nats';
import type { Nats } from './bus.ts';
import { servedBy } from './served-by.ts';
import { streams } from './subjects.ts';
import type { ConsumeOptions } from './work-queue.ts';

export interface QueueConsumer {
  readonly consumer: Consumer;
  /** What has this number, or an earlier one, is done. */
  readonly doneUpTo: number;
}

/** What a consumer was made under, which the server keeps as its description. */
interface Origin {
  server: string;
  doneUpTo: number;
}

/**
 * How many may be in the queue of which the server, when it was killed, had not written whether they are there, or done.
 * Most of it is written within a tenth of a second.
 */
const uncertain = 256;

/** JetStream's. */
export const consumerNotFound = 10014;

const stream = streams.casts.name;

/** Opens the consumer of the name, and makes it when it is not there, or was made before the server was started. */
export async function openQueueConsumer(
  nats: Nats,
  { durable, subject, ackWaitMs }: Pick<ConsumeOptions, 'durable' | 'subject' | 'ackWaitMs'>,
): Promise<QueueConsumer> {
  const { connection, jetstream, manager } = nats;
  const server = servedBy(connection);
  const known = await infoOf(nats, durable);
  let origin = originOf(known);
  if (!known || origin?.server !== server) {
    origin = { server, doneUpTo: known ? await doneLongBefore(nats, known) : 0 };
    if (known) await manager.consumers.delete(stream, durable);
    await manager.consumers.add(stream, {
      durable_name: durable,
      description: JSON.stringify(origin),
      filter_subject: subject,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ackWaitMs),
      // Each process takes no more than it can have in hand.
      max_ack_pending: -1,
    });
  }
  return { consumer: await jetstream.consumers.get(stream, durable), doneUpTo: origin.doneUpTo };
}

async function infoOf({ manager }: Nats, durable: string): Promise<ConsumerInfo | undefined> {
  try {
    return await manager.consumers.info(stream, durable);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === consumerNotFound) return undefined;
    throw error;
  }
}

/** Nothing of one that was made by an earlier release, or by somebody else. */
function originOf(info: ConsumerInfo | undefined): Origin | undefined {
  try {
    return JSON.parse(info?.config.description ?? '');
  } catch {
    return undefined;
  }
}

async function doneLongBefore({ manager }: Nats, known: ConsumerInfo): Promise<number> {
  const { state } = await manager.streams.info(stream);
  const done = Math.min(known.ack_floor.stream_seq, state.last_seq) - uncertain;
  return Math.max(0, done, originOf(known)?.doneUpTo ?? 0);
}
