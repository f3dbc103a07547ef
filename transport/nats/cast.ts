/**
 * cast: a message that needs no answer, through a JetStream work queue.
 *
 * Published with a message id (the same id twice within two minutes is one message), acknowledged by its consumer after
 * the consumer's state is durable: delivered at least once, applied once, lost never. A cast may ask for a
 * receipt: what its consumer says when it leaves the queue, when it does so soon enough for the sender to care.
 */
import { RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { nanos } from 'nats';
import type { Static } from 'typebox';
import { type Failure, toFailure } from '../../machines/failure.ts';
import { every } from '../clock.ts';
import type { CallContext } from '../messages/call-context.ts';
import { codec } from '../messages/codec.ts';
import { ReceiptSchema } from '../messages/common.ts';
import type { Cast } from '../messages/kinds.ts';
import { traced } from '../tracing.ts';
import type { Bus, Message, Nats } from './bus.ts';
import { readContext, writeContext } from './call-context.ts';
import { ensureStream } from './ensure-stream.ts';
import { idHeader } from './message-id.ts';
import type { OutageListener } from './outage.ts';
import { publishStored } from './publish-stored.ts';
import { defaultMaxDeliveries, nameOf, streams } from './subjects.ts';
import type { Delivery } from './work-queue.ts';

/** Where the receipt goes. */
export const receiptHeader = 'Kilonova-Receipt';
const receiptCodec = codec('receipt', ReceiptSchema);

/** What the consumer did: at which revision of the record it is durable, or why it refused. */
export type Receipt = Static<typeof ReceiptSchema>;

/** Makes the work queue when it is not there. */
export async function ensureCastStream(nats: Nats): Promise<void> {
  await ensureStream(nats, {
    name: streams.casts.name,
    subjects: [...streams.casts.subjects],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    duplicate_window: nanos(120_000),
  });
}

export interface CastOptions {
  /** The same id twice within two minutes is one message. */
  id: string;
  context: CallContext;
  /** Where the receipt goes. */
  receiptTo?: string;
}

/** Resolves when the work queue holds the message. Rejects with `unavailable` when that is unknown. */
export function cast<Body>(
  bus: Bus,
  subject: string,
  { body: bodyCodec }: Cast<Body>,
  body: Body,
  options: CastOptions,
): Promise<void> {
  return enqueue(bus, subject, bodyCodec.encode(body), options);
}

/** As `cast`, for a message that is there already, as it is. */
export async function enqueue(
  bus: Bus,
  subject: string,
  payload: string | Uint8Array,
  { id, context, receiptTo }: CastOptions,
): Promise<void> {
  await traced(bus.tracer, { name: nameOf(subject), kind: 'producer' }, context, async (context) => {
    const headers = writeContext(context);
    if (receiptTo) headers.set(receiptHeader, receiptTo);
    headers.set(idHeader, id);
    await publishStored(bus, subject, payload, headers);
  });
}

/**
 * As `cast`, then waits up to `waitMs` for the receipt, and no longer than the signal. `undefined`: none yet; it may be
 * applied later on.
 */
export async function castForReceipt<Body>(
  bus: Bus,
  subject: string,
  kind: Cast<Body>,
  body: Body,
  { id, context, waitMs, signal }: { id: string; context: CallContext; waitMs: number; signal?: AbortSignal },
): Promise<Receipt | undefined> {
  const { clock } = bus;
  const inbox = bus.newInbox();
  const waiting = Promise.withResolvers<Message | undefined>();
  const subscription = bus.subscribe(inbox, waiting.resolve);
  const giveUp = () => waiting.resolve(undefined);
  signal?.addEventListener('abort', giveUp);
  try {
    await cast(bus, subject, kind, body, { id, context, receiptTo: inbox });
    const stopWaiting = clock.after(waitMs, giveUp);
    const message = await waiting.promise.finally(stopWaiting);
    return message && receiptCodec.decode(message.data);
  } finally {
    signal?.removeEventListener('abort', giveUp);
    subscription.unsubscribe();
  }
}

export interface CastHandler {
  cast: Cast<unknown>;
  /** Resolves when the consequence is durable; rejects to have the cast delivered again, later. */
  handle: (body: never, context: CallContext) => Promise<Receipt | undefined> | Promise<void>;
}

export function onCast<Body>(
  kind: Cast<Body>,
  handle: (body: Body, context: CallContext) => Promise<Receipt | undefined> | Promise<void>,
): CastHandler {
  return { cast: kind, handle };
}

export interface CastConsumer {
  /** Takes no more casts, and resolves when those in hand are applied. */
  stop(): Promise<void>;
}

/** Where casts go that cannot be applied. Each of these rejects when it could not be stored. */
export interface DeadLetters {
  /**
   * Puts a cast there before it is tried for the last time, as one whose consumer ends over it. Whether it was not there
   * yet: if it was, this is what has become of it.
   */
  begin(delivery: Delivery): Promise<boolean>;
  /** It was applied after all. */
  withdraw(delivery: Delivery): Promise<void>;
  /** It is not going to be applied. Once more is the same as once. */
  keep(delivery: Delivery, failure: Failure): Promise<void>;
}

export interface ConsumerOptions {
  durable: string;
  subject: string;
  handlers: CastHandler[];
  deadLetters: DeadLetters;
  maxInHand?: number;
  /** How long it may be silent before its casts are given to another (ms). */
  ackWaitMs?: number;
  /** How often a cast is tried. */
  maxDeliveries?: number | undefined;
  /** Told of each cast that could not be applied; `isLast` when it will not be tried again. */
  onFailure: (failure: Failure, about: { name: string; delivery: number; isLast: boolean }) => void;
  /** Told when no casts come any more, and when they come again. */
  outage?: OutageListener;
}

/** What came of a try. */
type Applied = { receipt: Receipt } | { failure: Failure };

/**
 * Consumes a part's casts. Processes that use the same `durable` name share them.
 *
 * A cast that cannot be applied is tried again, later and later, and in the end becomes a dead letter, which is stored
 * before the cast leaves the queue. One that ends its consumer each time ends the tries of all that are in hand with it;
 * so a last try is made alone, and written down before it is made: what is found written down when it comes again
 * is what its consumer ended over, and what is not has its last try yet to come.
 */
export async function consumeCasts(
  bus: Bus,
  {
    durable,
    subject,
    handlers,
    deadLetters,
    maxInHand = 256,
    ackWaitMs = defaultAckWaitMs,
    maxDeliveries = defaultMaxDeliveries,
    onFailure,
    outage,
  }: ConsumerOptions,
): Promise<CastConsumer> {
  const byName = new Map(handlers.map((handler) => [handler.cast.name, handler]));
  const inHand = new Map<Delivery, Promise<void>>();
  let lastTry: Promise<unknown> = Promise.resolve();

  const consumer = await bus.consume(
    { durable, subject, maxInHand, ackWaitMs },
    (delivery) =>
      inHand.set(
        delivery,
        settle(delivery).finally(() => inHand.delete(delivery)),
      ),
    outage,
  );
  const stopKeeping = every(bus.clock, ackWaitMs / 3, async () => {
    for (const delivery of inHand.keys()) delivery.keep();
  });

  async function settle(delivery: Delivery): Promise<void> {
    try {
      if (delivery.count < maxDeliveries) return await conclude(delivery, await apply(delivery), false);
      const trying = lastTry.then(async () => conclude(delivery, await applyForTheLastTime(delivery), true));
      lastTry = trying.catch(() => undefined);
      await trying;
    } catch (thrown) {
      // The dead letters are not to be had: it stays in the queue.
      onFailure(toFailure(thrown), { name: nameOf(delivery.subject), delivery: delivery.count, isLast: false });
      delivery.postpone(longestPauseMs);
    }
  }

  async function apply(delivery: Delivery): Promise<Applied> {
    const name = nameOf(delivery.subject);
    try {
      const handler = byName.get(name);
      if (!handler) throw new Error(`no handler for the cast ${name}`);
      const body = handler.cast.body.decode(delivery.data) as never;
      const receipt = await traced(bus.tracer, { name, kind: 'consumer' }, readContext(delivery.headers), (context) =>
        Promise.resolve(handler.handle(body, context)),
      );
      return { receipt: receipt ?? {} };
    } catch (thrown) {
      return { failure: toFailure(thrown) };
    }
  }

  async function applyForTheLastTime(delivery: Delivery): Promise<Applied> {
    if (!(await deadLetters.begin(delivery))) return { failure: consumerEnded };
    const applied = await apply(delivery);
    if ('receipt' in applied) await deadLetters.withdraw(delivery);
    return applied;
  }

  async function conclude(delivery: Delivery, applied: Applied, wasLast: boolean): Promise<void> {
    if ('receipt' in applied) {
      delivery.acknowledge();
      return sendReceipt(delivery, applied.receipt);
    }
    const { failure } = applied;
    // A message that cannot be read now cannot be read later either.
    const isLast = wasLast || failure.code === 'invalid_request';
    onFailure(failure, { name: nameOf(delivery.subject), delivery: delivery.count, isLast });
    if (isLast) {
      await deadLetters.keep(delivery, failure);
      delivery.giveUp();
      sendReceipt(delivery, { failure });
    } else {
      delivery.postpone(Math.min(100 * 2 ** delivery.count, longestPauseMs));
    }
  }

  function sendReceipt({ headers }: Delivery, receipt: Receipt): void {
    const inbox = headers?.get(receiptHeader);
    if (inbox) bus.send(inbox, receiptCodec.encode(receipt));
  }

  return {
    async stop() {
      await consumer.stop();
      await Promise.all(inHand.values());
      stopKeeping();
    },
  };
}

/** Of a cast whose consumer ended, each time, before it could say what was wrong. */
export const consumerEnded: Failure = {
  code: 'internal',
  message: 'whoever took it ended before it was applied',
  disposition: 'abort',
};

const defaultAckWaitMs = 10_000;
const longestPauseMs = 30_000;
