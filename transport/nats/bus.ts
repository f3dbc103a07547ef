/**
 * What all messages go through. Behind it stands NATS (`connect-bus.ts`), or in simulated worlds a bus of theirs
 * that can drop, delay and reorder; the parts cannot tell which.
 */
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import type { MsgHdrs, NatsConnection } from 'nats';
import type { FailureError } from '../../machines/failure.ts';
import type { Clock } from '../clock.ts';
import type { Tracer } from '../tracing.ts';
import type { StoreSettings } from './ensure-stream.ts';
import type { ForgottenPart } from './forget-casts.ts';
import type { KeyValues } from './key-values.ts';
import type { Consume } from './work-queue.ts';

/** A message as it comes. */
export interface Message {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers?: MsgHdrs | undefined;
  /** Where an answer is wanted. */
  readonly reply?: string | undefined;
}

export interface Envelope {
  headers?: MsgHdrs | undefined;
  /** Where an answer is wanted. */
  reply?: string | undefined;
  /** Worth nothing later: it is lost rather than kept while the connection is away. */
  isPerishable?: boolean;
}

export interface Subscription {
  unsubscribe(): void;
  /** Takes no more messages, and resolves when those that are here are taken. Never rejects. */
  drain(): Promise<void>;
}

export interface Bus {
  /** What deadlines and pauses on the way are measured by. */
  readonly clock: Clock;
  /** Who served the connection when it was made (`served-by.ts`): a nats-server that is started anew is another. */
  readonly servedBy: string;
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer | undefined;
  /** Publishes, together with what else this turn of the event loop sends. Throws for what is too large to be carried. */
  send(subject: string, payload: string | Uint8Array, envelope?: Envelope): void;
  /** Sends, and resolves with the answer. Rejects when nobody listens, when none comes in time, or without connection. */
  request(
    subject: string,
    payload: string | Uint8Array,
    options: { timeoutMs: number; headers?: MsgHdrs },
  ): Promise<Message>;
  /** `queue` shares the messages between those who give the same one. */
  subscribe(subject: string, take: (message: Message) => void, options?: { queue?: string | undefined }): Subscription;
  /** A subject of this connection's own, for answers. */
  newInbox(): string;
  /** Opens a key-value bucket, and makes it when it is not there. */
  openKeyValues(name: string, options: { history: number }): Promise<KeyValues>;
  /** How much the store holds, and may hold. Rejects with `unavailable`. */
  storeUse(): Promise<StoreUse>;
  /** Takes the casts of a part from the work queue. */
  readonly consume: Consume;
  /** Takes away what was cast to a part that is no more, and its place in the work queue. A no-op when there is nothing. */
  forgetCasts(part: ForgottenPart): Promise<void>;
  /** What only NATS itself has: the object store, the stream of facts, micro services. Throws TypeError elsewhere. */
  readonly nats: Nats;
  /**
   * Resolves when another server stands where the one stood that this connection was made to, where that matters
   * (`BusOptions.endsWithServer`). The connection is closed by then, and nothing has reached the other server.
   */
  readonly ended: Promise<FailureError>;
  /** Stops taking messages, lets those in hand be answered, and closes. */
  close(): Promise<void>;
  /** Closes as a process does that is killed: what was not sent is never sent, and whoever waits for an answer is told. */
  abandon(): Promise<void>;
}

export interface StoreUse {
  usedBytes: number;
  /** Absent: nobody says. */
  limitBytes?: number;
}

export interface Nats {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
  /** Of the nats-server, for example `2.9.10`. */
  readonly serverVersion: string;
  /** What an operator has set of its store. */
  readonly store: StoreSettings;
}
