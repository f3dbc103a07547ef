/**
 * cast: a message that needs no answer, through a JetStream work queue.
 *
 * Published with a message id (the same id twice within two minutes is one message), acknowledged by its consumer after
 * the consumer's state is durable: delivered at least once, applied once, lost never. A cast may ask for a
 * receipt: what its consumer says after applying it, when it does so soon enough for the sender to care.
 */
import {
  AckPolicy,
  type ConsumerMessages,
  DeliverPolicy,
  type JsMsg,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { createInbox, nanos } from 'nats';
import type { Static, TSchema } from 'typebox';
import { type Failure, FailureError, toFailure } from '../../machines/failure.ts';
import { type Codec, codec } from '../messages/codec.ts';
import { ReceiptSchema } from '../messages/common.ts';
import type { Bus } from './bus.ts';
import { type CallContext, readContext, writeContext } from './call-context.ts';
import { publishStored } from './publish-stored.ts';
import { nameOf, streams } from './subjects.ts';

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
export async function ensureCastStream({ manager }: Bus): Promise<void> {
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
  const inbox = createInbox();
  const subscription = bus.connection.subscribe(inbox, { max: 1 });
  try {
    await cast(bus, subject, kind, body, { id, context, receiptTo: inbox });
    const timer = setTimeout(() => subscription.unsubscribe(), waitMs);
    try {
      for await (const message of subscription) return receiptCodec.decode(message.data);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
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
  const inHand = new Map<JsMsg, Promise<void>>();
  let isStopped = false;

  async function begin(): Promise<ConsumerMessages> {
    await bus.manager.consumers.add(streams.casts.name, {
      durable_name: durable,
      filter_subject: subject,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ackWaitMs),
      max_ack_pending: maxInHand,
    });
    const consumer = await bus.jetstream.consumers.get(streams.casts.name, durable);
    return consumer.consume({ max_messages: maxInHand, abort_on_missing_resource: true });
  }

  /** Somebody removed the consumer from the server: without it no cast would ever come again. */
  async function beginAgain(reason: unknown): Promise<ConsumerMessages | undefined> {
    onFailure(toFailure(reason), { name: durable, delivery: 0, isLast: false });
    while (!isStopped) {
      await new Promise((resolve) => setTimeout(resolve, beginAgainMs));
      try {
        return await begin();
      } catch (error) {
        onFailure(toFailure(error), { name: durable, delivery: 0, isLast: false });
      }
    }
    return undefined;
  }

  let messages: ConsumerMessages | undefined = await begin();
  const stillWorking = setInterval(() => {
    for (const message of inHand.keys()) message.working();
  }, ackWaitMs / 3);
  const pump = (async () => {
    while (messages && !isStopped) {
      let reason: unknown = new Error('the consumer has ended');
      try {
        for await (const message of messages) {
          inHand.set(
            message,
            apply(message).finally(() => inHand.delete(message)),
          );
        }
      } catch (error) {
        reason = error;
      }
      if (!isStopped && !bus.connection.isClosed()) messages = await beginAgain(reason);
      else return;
    }
  })();

  async function apply(message: JsMsg): Promise<void> {
    const name = nameOf(message.subject);
    const handler = byName.get(name);
    try {
      if (!handler) throw new Error(`no handler for the cast ${name}`);
      const receipt = await handler.handle(
        handler.cast.body.decode(message.data) as never,
        readContext(message.headers),
      );
      acknowledge(message);
      sendReceipt(message, receipt ?? {});
    } catch (thrown) {
      const failure = toFailure(thrown);
      const delivery = message.info.deliveryCount;
      // A message that cannot be read now cannot be read later either.
      const isLast = failure.code === 'invalid_request' || delivery >= maxDeliveries;
      onFailure(failure, { name, delivery, isLast });
      if (isLast) message.term();
      else message.nak(Math.min(100 * 2 ** delivery, 30_000));
      if (isLast || thrown instanceof FailureError) sendReceipt(message, { failure });
    }
  }

  /** As the message's own `ack`, but together with what else is sent. */
  function acknowledge(message: JsMsg): void {
    bus.send((message as JsMsg & { reply: string }).reply, '+ACK');
  }

  function sendReceipt(message: JsMsg, receipt: Receipt): void {
    const inbox = message.headers?.get(receiptHeader);
    if (inbox) bus.send(inbox, receiptCodec.encode(receipt));
  }

  return {
    async stop() {
      isStopped = true;
      messages?.stop();
      await pump;
      await Promise.all(inHand.values());
      clearInterval(stillWorking);
    },
  };
}

/** How long a consumer may be silent before its casts are given to another (ms). */
const ackWaitMs = 30_000;
const maxDeliveries = 20;
/** How long to wait before a consumer that has ended is made again (ms). */
const beginAgainMs = 1_000;
