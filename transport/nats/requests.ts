/**
 * Requests and their answers, all on one inbox. As the client's own, but for what an answer costs: theirs makes an error
 * with a stack trace, and races it with a timer, also when all goes well. And whoever is asked once cannot tell where the
 * answers of others are waited for.
 */
import { randomUUID } from 'node:crypto';
import { errors, type Msg, type MsgHdrs, type NatsConnection } from 'nats';
import type { Clock } from '../clock.ts';
import type { Outbox, Parcel } from './outbox.ts';
import { notPermitted, type Refusal } from './refusal.ts';

/** The connection was away for as long as the answer was waited for: nobody has heard of what was asked. */
export class NotSentError extends Error {
  override readonly name = 'NotSentError';
}

/** The connection went before there was an answer: whether what was asked has happened is unknown. */
export class AnswerLostError extends Error {
  override readonly name = 'AnswerLostError';
}

interface Pending {
  subject: string;
  parcel: Parcel;
  resolve: (answer: Msg) => void;
  reject: (error: Error) => void;
  cancelDeadline: () => void;
}

export interface RequestsOptions {
  connection: NatsConnection;
  outbox: Outbox;
  clock: Clock;
  /** A subject of the connection's own, below which the answers come. */
  inbox: string;
}

export class Requests {
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #inbox: string;
  readonly #pending = new Map<string, Pending>();

  constructor({ connection, outbox, clock, inbox }: RequestsOptions) {
    this.#outbox = outbox;
    this.#clock = clock;
    this.#inbox = `${inbox}.`;
    connection.subscribe(`${this.#inbox}*`, {
      callback: (error, message) => {
        if (!error) this.#take(message);
      },
    });
    void connection.closed().then(() => this.#giveUp());
  }

  /** Rejects with NoRespondersError, TimeoutError, NotSentError, AnswerLostError, or what says that the connection is closed. */
  request(
    subject: string,
    payload: string | Uint8Array,
    { timeoutMs, headers }: { timeoutMs: number; headers?: MsgHdrs },
  ): Promise<Msg> {
    return new Promise((resolve, reject) => {
      const token = randomUUID();
      const refuse = (error: unknown) => this.#settle(token)?.reject(error as Error);
      const parcel = this.#outbox.send(subject, payload, { headers, reply: this.#inbox + token }, refuse);
      const cancelDeadline = this.#clock.after(timeoutMs, () =>
        refuse(this.#outbox.takeBack(parcel) ? new NotSentError('not connected to NATS') : new errors.TimeoutError()),
      );
      this.#pending.set(token, { subject, parcel, resolve, reject, cancelDeadline });
    });
  }

  /** The connection has gone, and with it what would have been answered; what is still to be sent waits. */
  lose(): void {
    for (const [token, { parcel }] of [...this.#pending]) {
      if (this.#outbox.holds(parcel)) continue;
      this.#settle(token)?.reject(new AnswerLostError('the connection to NATS was lost'));
    }
  }

  #take(message: Msg): void {
    const request = this.#settle(message.subject.slice(this.#inbox.length));
    // Too late: whoever asked has given up.
    if (!request) return;
    const isUnheard = message.data.length === 0 && message.headers?.code === noResponders;
    if (isUnheard) request.reject(new errors.NoRespondersError(request.subject));
    else request.resolve(message);
  }

  #settle(token: string): Pending | undefined {
    const request = this.#pending.get(token);
    if (!request) return undefined;
    this.#pending.delete(token);
    request.cancelDeadline();
    return request;
  }

  /** The server does not carry what is sent there, or what comes back. */
  refuse({ operation, subject }: Refusal): void {
    const isInbox = operation === 'subscribe' && subject.startsWith(this.#inbox);
    for (const [token, request] of [...this.#pending]) {
      if (!isInbox && (operation === 'subscribe' || request.subject !== subject)) continue;
      this.#settle(token)?.reject(notPermitted({ operation, subject }));
    }
  }

  #giveUp(): void {
    for (const token of [...this.#pending.keys()]) this.#settle(token)?.reject(new errors.ClosedConnectionError());
  }
}

/** The status of the answer that the server itself gives when nobody listens. */
const noResponders = 503;
