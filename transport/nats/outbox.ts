/**
 * What a process sends, gathered until the end of the turn of the event loop in which it is sent: one write to the socket
 * costs as much as a dozen messages do, and the server reads them in one go too.
 */
import { errors, type MsgHdrs, type NatsConnection } from 'nats';
import type { Envelope } from './bus.ts';

interface Parcel {
  subject: string;
  payload: Uint8Array;
  envelope: Envelope;
  refused: ((error: unknown) => void) | undefined;
}

export class Outbox {
  readonly #connection: NatsConnection;
  #parcels: Parcel[] = [];

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
  ): void {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const most = this.#connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    if (bytes.length > most / 2 && bytes.length + lengthOf(envelope.headers) > most) {
      throw errors.InvalidArgumentError.format('payload', 'max_payload size exceeded');
    }
    if (this.#parcels.length === 0) setImmediate(() => this.flush());
    this.#parcels.push({ subject, payload: bytes, envelope, refused });
  }

  /** Hands everything to the connection now. Before it is closed; otherwise it happens by itself. */
  flush(): void {
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
}

/** What the headers are on the wire, in bytes. */
function lengthOf(headers: MsgHdrs | undefined): number {
  return headers === undefined ? 0 : Buffer.byteLength(String(headers));
}
