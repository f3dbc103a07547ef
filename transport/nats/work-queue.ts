/** The work queue, from the side of those who take from it: each message stays until somebody has acknowledged it. */
import { AckPolicy, type ConsumerMessages, DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import { nanos } from 'nats';
import type { Failure } from '../../machines/failure.ts';
import { toFailure } from '../../machines/failure.ts';
import { sleep } from '../clock.ts';
import type { Bus, Message } from './bus.ts';
import { streams } from './subjects.ts';

/** A message as it is delivered, for the first time or again. */
export interface Delivery extends Message {
  /** Counts from 1. */
  readonly count: number;
  /** Its place in the queue, which no other message ever has. */
  readonly sequence: number;
  /** When the queue took it, by its own clock (epoch ms). */
  readonly takenAt: number;
  /** Its consequence is durable: it is not delivered again. */
  acknowledge(): void;
  /** It is delivered again, not before `ms` have passed. */
  postpone(ms: number): void;
  /** It is never delivered again, whatever becomes of it. */
  giveUp(): void;
  /** It is still being worked on, and not to be given to another yet. */
  keep(): void;
}

export interface ConsumeOptions {
  /** The consumers of one name share the messages, and the queue remembers it when nobody consumes. */
  durable: string;
  subject: string;
  /** How many may be delivered here and not acknowledged. */
  maxInHand: number;
  /** How long a consumer may be silent before its messages are given to another (ms). */
  ackWaitMs: number;
}

/** Resolves when messages come; `onTrouble` is told what is in the way when they cease to, which is tried to mend for ever. */
export type Consume = (
  options: ConsumeOptions,
  take: (delivery: Delivery) => void,
  onTrouble: (failure: Failure) => void,
) => Promise<{
  /** Takes no more messages, and resolves when none will come. */
  stop(): Promise<void>;
}>;

/**
 * How many the server may wait for, of all consumers of a name; each takes no more than it can have in hand. A server that
 * was killed waits for ever for messages that it has forgotten were acknowledged: with a limit that these could reach it
 * would give nobody anything.
 */
const mostPending = 1_000_000;
/** How long to wait before a consumer that has ended is made again (ms). */
const beginAgainMs = 1_000;

export interface WorkQueueWorld {
  readonly bus: Bus;
  /** Calls back each time that the connection is there again; returns the function that takes the listener away. */
  readonly onBack: (listener: () => void) => () => void;
}

export async function consumeFromNats(
  { bus, onBack }: WorkQueueWorld,
  { durable, subject, maxInHand, ackWaitMs }: ConsumeOptions,
  take: (delivery: Delivery) => void,
  onTrouble: (failure: Failure) => void,
): ReturnType<Consume> {
  const { connection, jetstream, manager } = bus.nats;
  const stopping = new AbortController();

  async function begin(): Promise<ConsumerMessages> {
    await manager.consumers.add(streams.casts.name, {
      durable_name: durable,
      filter_subject: subject,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ackWaitMs),
      max_ack_pending: mostPending,
    });
    const consumer = await jetstream.consumers.get(streams.casts.name, durable);
    return consumer.consume({ max_messages: maxInHand, abort_on_missing_resource: true });
  }

  async function beginAnew(): Promise<ConsumerMessages | undefined> {
    try {
      return await begin();
    } catch (error) {
      return beginAgain(error);
    }
  }

  /** Somebody removed the consumer from the server: without it no message would ever come again. */
  async function beginAgain(reason: unknown): Promise<ConsumerMessages | undefined> {
    onTrouble(toFailure(reason));
    while (!stopping.signal.aborted) {
      await sleep(bus.clock, beginAgainMs, stopping.signal).catch(() => undefined);
      if (stopping.signal.aborted) return undefined;
      try {
        return await begin();
      } catch (error) {
        onTrouble(toFailure(error));
      }
    }
    return undefined;
  }

  let messages: ConsumerMessages | undefined = await begin();
  let isBack = false;
  // What was asked of the server before it knows nothing of, and nobody would ask again for long.
  const stopListening = onBack(() => {
    isBack = true;
    messages?.stop();
  });
  const pump = (async () => {
    while (messages && !stopping.signal.aborted) {
      let reason: unknown = new Error('the consumer has ended');
      try {
        for await (const message of messages) take(deliveryOf(bus, message));
      } catch (error) {
        reason = error;
      }
      if (stopping.signal.aborted || connection.isClosed()) return;
      const beginning = isBack ? beginAnew() : beginAgain(reason);
      isBack = false;
      messages = await beginning;
      if (isBack) messages?.stop();
    }
  })();

  return {
    async stop() {
      stopping.abort();
      stopListening();
      messages?.stop();
      await pump;
    },
  };
}

function deliveryOf(bus: Bus, message: JsMsg): Delivery {
  return {
    subject: message.subject,
    data: message.data,
    headers: message.headers,
    get count() {
      return message.info.deliveryCount;
    },
    sequence: message.seq,
    get takenAt() {
      return message.time.getTime();
    },
    // As the message's own `ack`, but together with what else is sent.
    acknowledge: () => bus.send((message as JsMsg & { reply: string }).reply, '+ACK'),
    postpone: (ms) => message.nak(ms),
    giveUp: () => message.term(),
    keep: () => message.working(),
  };
}
