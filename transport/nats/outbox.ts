/**
 * What a process sends, gathered until the end of the turn of the event loop in which it is sent: one write to the socket
 * costs as much as a dozen messages do, and the server reads them in one go too. While the connection is away it is kept:
 * the client would take it and forget it at its next try to connect.
 */
import { errors, type MsgHdrs, type NatsConnection } from 'nats';
import type { Envelope } from './bus.ts';

/** Something that is to be sent. */
export interface Parcel {
  subject: string;
  payload: Uint8Array;
  envelope: Envelope;
  refused: ((error: unknown) => void) | undefined;
}

/** How much is kept while the connection is away, in bytes: of more, the oldest is lost. */
const mostKept = 64 * 1024 * 1024;

export class Outbox {
  readonly #connection: NatsConnection;
  #parcels: Parcel[] = [];
  #isAway = false;
  #keptBytes = 0;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  /**
   * Throws InvalidArgumentError for what the server would not carry. `refused` is told when the connection takes no
   * messages any more by the time they are sent.
   */
  send(
    subject: string,
    payload: string | Uint8Array,
    envelope: Envelope = {},
    refused?: (error: unknown) => void,
  ): Parcel {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const most = this.#connection.info?.max_payload ?? defaultMaxPayload;
    if (bytes.length > most / 2 && bytes.length + lengthOf(envelope.headers) > most) {
      throw errors.InvalidArgumentError.format('payload', 'max_payload size exceeded');
    }
    const parcel = { subject, payload: bytes, envelope, refused };
    if (this.#isAway && envelope.isPerishable) return parcel;
    if (this.#parcels.length === 0) setImmediate(() => this.flush());
    this.#parcels.push(parcel);
    if (this.#isAway) this.#makeRoom(bytes.length);
    return parcel;
  }

  /** Whether it is still to be sent. */
  holds(parcel: Parcel): boolean {
    return this.#parcels.includes(parcel);
  }

  /** Whether it has not been sent yet; then it never is. */
  takeBack(parcel: Parcel): boolean {
    const index = this.#parcels.indexOf(parcel);
    if (index >= 0) this.#parcels.splice(index, 1);
    return index >= 0;
  }

  /** The connection is away: what is sent from now on waits for it. */
  hold(): void {
    this.#isAway = true;
    this.#parcels = this.#parcels.filter(({ envelope }) => !envelope.isPerishable);
    this.#keptBytes = this.#parcels.reduce((sum, { payload }) => sum + payload.length, 0);
  }

  /** The connection is back. */
  release(): void {
    this.#isAway = false;
    this.flush();
  }

  /** Hands everything to the connection now. Before it is closed; otherwise it happens by itself. */
  flush(): void {
    if (this.#isAway && !this.#connection.isClosed()) return;
    const parcels = this.#parcels;
    this.#parcels = [];
    for (const { subject, payload, envelope, refused } of parcels) {
      try {
        this.#connection.publish(subject, payload, envelope as { headers?: MsgHdrs; reply?: string });
      } catch (error) {
        refused?.(error);
      }
    }
  }

  #makeRoom(bytes: number): void {
    this.#keptBytes += bytes;
    while (this.#keptBytes > mostKept) {
      const oldest = this.#parcels.shift();
      if (!oldest) return;
      this.#keptBytes -= oldest.payload.length;
      oldest.refused?.(new errors.ClosedConnectionError());
    }
  }
}

/** Until the server has said what it carries. */
const defaultMaxPayload = 1024 * 1024;

/** What the headers are on the wire, in bytes. */
function lengthOf(headers: MsgHdrs | undefined): number {
  return headers === undefined ? 0 : Buffer.byteLength(String(headers));
}
