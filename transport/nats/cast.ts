/**
 * cast: a message that needs no answer, through a JetStream work queue.
 *
 * Published with a message id (the same id twice within two minutes is one message), acknowledged by its consumer after
 * the consumer's state is durable: delivered at least once, applied once, lost never. A cast may ask for a
 * receipt: what its consumer says after applying it, when it does so soon enough for the sender to care.
 */
import { RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { nanos } from 'nats';
import type { Static, TSchema } from 'typebox';
import { type Failure, FailureError, toFailure } from '../../machines/failure.ts';
import { every } from '../clock.ts';
import { type Codec, codec } from '../messages/codec.ts';
import { ReceiptSchema } from '../messages/common.ts';
import type { Bus, Message, Nats } from './bus.ts';
import { type CallContext, readContext, writeContext } from './call-context.ts';
import { publishStored } from './publish-stored.ts';
import { nameOf, streams } from './subjects.ts';
import type { Delivery } from './work-queue.ts';

export interface Cast<Body> {
  readonly name: string;
  readonly body: Codec<Body>;
}

export function defineCast<S extends TSchema>(name: string, body: S): Cast<Static<S>> {
  return { name, body: codec(name, body) };
}

const receiptHeader = 'Kilonova-Receipt';
const receiptCodec = codec('receipt', ReceiptSchema);

/** What the consumer did: at which revision of the record it is durable, or why it refused. */
export type Receipt = Static<typeof ReceiptSchema>;

/** Makes the work queue when it is not there. */
export async function ensureCastStream({ manager }: Nats): Promise<void> {
  await manager.streams.add({
    name: streams.casts.name,
    subjects: [...streams.casts.subjects],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    duplicate_window: nanos(120_000),
  });
}

/** Resolves when the work queue holds the message. Rejects with `unavailable` when that is unknown. */
export async function cast<Body>(
  bus: Bus,
  subject: string,
  { body: bodyCodec }: Cast<Body>,
  body: Body,
  { id, context, receiptTo }: { id: string; context: CallContext; receiptTo?: string },
): Promise<void> {
  const headers = writeContext(context);
  if (receiptTo) headers.set(receiptHeader, receiptTo);
  headers.set('Nats-Msg-Id', id);
  await publishStored(bus, subject, bodyCodec.encode(body), headers);
}

/** As `cast`, then waits up to `waitMs` for the receipt. `undefined`: none yet; the cast is still going to be applied. */
export async function castForReceipt<Body>(
  bus: Bus,
  subject: string,
  kind: Cast<Body>,
  body: Body,
  { id, context, waitMs }: { id: string; context: CallContext; waitMs: number },
): Promise<Receipt | undefined> {
  const { clock } = bus;
  const inbox = bus.newInbox();
  const waiting = Promise.withResolvers<Message | undefined>();
  const subscription = bus.subscribe(inbox, waiting.resolve);
  try {
    await cast(bus, subject, kind, body, { id, context, receiptTo: inbox });
    const stopWaiting = clock.after(waitMs, () => waiting.resolve(undefined));
    const message = await waiting.promise.finally(stopWaiting);
    return message && receiptCodec.decode(message.data);
  } finally {
    subscription.unsubscribe();
  }
}

export interface CastHandler {
  cast: Cast<unknown>;
  /** Resolves when the consequence is durable; rejects to have the cast delivered again, later. */
  // biome-ignore lint/suspicious/noConfusingVoidType: most casts have no receipt to give
  handle: (body: never, context: CallContext) => Promise<Receipt | void>;
}

export function onCast<Body>(
  kind: Cast<Body>,
  // biome-ignore lint/suspicious/noConfusingVoidType: most casts have no receipt to give
  handle: (body: Body, context: CallContext) => Promise<Receipt | void>,
): CastHandler {
  return { cast: kind, handle };
}

export interface CastConsumer {
  /** Takes no more casts, and resolves when those in hand are applied. */
  stop(): Promise<void>;
}

/** Consumes a part's casts. Processes that use the same `durable` name share them. */
export async function consumeCasts(
  bus: Bus,
  {
    durable,
    subject,
    handlers,
    maxInHand = 256,
    onFailure,
  }: {
    durable: string;
    subject: string;
    handlers: CastHandler[];
    maxInHand?: number;
    /** Told of each cast that could not be applied; `isLast` when it will not be tried again. */
    onFailure: (failure: Failure, about: { name: string; delivery: number; isLast: boolean }) => void;
  },
): Promise<CastConsumer> {
  const byName = new Map(handlers.map((handler) => [handler.cast.name, handler]));
  const inHand = new Map<Delivery, Promise<void>>();

  const consumer = await bus.consume(
    { durable, subject, maxInHand, ackWaitMs },
    (delivery) =>
      inHand.set(
        delivery,
        apply(delivery).finally(() => inHand.delete(delivery)),
      ),
    (failure) => onFailure(failure, { name: durable, delivery: 0, isLast: false }),
  );
  const stopKeeping = every(bus.clock, ackWaitMs / 3, async () => {
    for (const delivery of inHand.keys()) delivery.keep();
  });

  async function apply(delivery: Delivery): Promise<void> {
    const name = nameOf(delivery.subject);
    const handler = byName.get(name);
    try {
      if (!handler) throw new Error(`no handler for the cast ${name}`);
      const body = handler.cast.body.decode(delivery.data) as never;
      const receipt = await handler.handle(body, readContext(delivery.headers));
      delivery.acknowledge();
      sendReceipt(delivery, receipt ?? {});
    } catch (thrown) {
      const failure = toFailure(thrown);
      // A message that cannot be read now cannot be read later either.
      const isLast = failure.code === 'invalid_request' || delivery.count >= maxDeliveries;
      onFailure(failure, { name, delivery: delivery.count, isLast });
      if (isLast) delivery.giveUp();
      else delivery.postpone(Math.min(100 * 2 ** delivery.count, 30_000));
      if (isLast || thrown instanceof FailureError) sendReceipt(delivery, { failure });
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

/** How long a consumer may be silent before its casts are given to another (ms). */
const ackWaitMs = 30_000;
const maxDeliveries = 20;
