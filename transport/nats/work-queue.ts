/** The work queue, from the side of those who take from it: each message stays until somebody has acknowledged it. */
import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import { sleep } from '../clock.ts';
import type { Bus, Message } from './bus.ts';
import { Outage, type OutageListener } from './outage.ts';
import { openQueueConsumer } from './queue-consumer.ts';

/** A message as it is delivered, for the first time or again. */
export interface Delivery extends Message {
  /** Counts from 1. */
  readonly count: number;
  /** Its place in the queue, which a server that was killed may give to another message, later. */
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

/** Resolves when messages come; `listener` is told when they cease to, which is tried to mend for ever. */
export type Consume = (
  options: ConsumeOptions,
  take: (delivery: Delivery) => void,
  listener?: OutageListener,
) => Promise<{
  /** Takes no more messages, and resolves when none will come. */
  stop(): Promise<void>;
}>;

/** How long to wait before a consumer that has ended is made again (ms). */
const beginAgainMs = 1_000;

export interface WorkQueueWorld {
  readonly bus: Bus;
  /** Calls back each time that the connection is there again; returns the function that takes the listener away. */
  readonly onBack: (listener: () => void) => () => void;
}

export async function consumeFromNats(
  { bus, onBack }: WorkQueueWorld,
  { maxInHand, ...options }: ConsumeOptions,
  take: (delivery: Delivery) => void,
  listener?: OutageListener,
): ReturnType<Consume> {
  const { connection } = bus.nats;
  const stopping = new AbortController();
  const outage = new Outage(bus.clock, listener);

  async function begin(): Promise<ConsumerMessages> {
    const consumer = await openQueueConsumer(bus.nats, options);
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
    outage.failed(reason);
    while (!stopping.signal.aborted) {
      await sleep(bus.clock, beginAgainMs, stopping.signal).catch(() => undefined);
      if (stopping.signal.aborted) return undefined;
      const begun = await begin().catch(() => undefined);
      if (!begun) continue;
      outage.succeeded();
      return begun;
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
        for await (const message of messages) take(new Delivered(bus, message));
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

class Delivered implements Delivery {
  readonly #bus: Bus;
  readonly #message: JsMsg;

  constructor(bus: Bus, message: JsMsg) {
    this.#bus = bus;
    this.#message = message;
  }

  get subject(): string {
    return this.#message.subject;
  }
  get data(): Uint8Array {
    return this.#message.data;
  }
  get headers(): Delivery['headers'] {
    return this.#message.headers;
  }
  get count(): number {
    return this.#message.info.deliveryCount;
  }
  get sequence(): number {
    return this.#message.seq;
  }
  get takenAt(): number {
    return this.#message.time.getTime();
  }

  /** As the message's own `ack`, but together with what else is sent. */
  acknowledge(): void {
    this.#bus.send((this.#message as JsMsg & { reply: string }).reply, '+ACK');
  }

  postpone(ms: number): void {
    this.#message.nak(ms);
  }

  giveUp(): void {
    this.#message.term();
  }

  keep(): void {
    this.#message.working();
  }
}
