/** A client that knows nothing of our own: bytes and headers on a NATS connection of its own, as from another language. */
import { connect, headers, type NatsConnection } from 'nats';

export interface Answer {
  /** The headers of the NATS micro protocol; absent on a success. */
  code?: string;
  error?: string;
  body: Record<string, unknown>;
  failure?: { code: string; message: string; disposition: string; details?: Record<string, unknown> };
  requestId?: string;
}

export interface BareClient {
  connection: NatsConnection;
  /** Strings and bytes are sent as they are, anything else as JSON. Rejects when there is no answer within `timeoutMs`. */
  ask(subject: string, payload: unknown, carried?: Record<string, string>): Promise<Answer>;
  /** As the holder of the token. */
  as(token: string): (endpoint: string, payload: unknown, carried?: Record<string, string>) => Promise<Answer>;
  close(): Promise<void>;
}

/** What the API promises at the most. */
const timeoutMs = 15_000;

export async function connectBare(url: string): Promise<BareClient> {
  const connection = await connect({ servers: url, name: 'bare' });

  async function ask(subject: string, payload: unknown, carried: Record<string, string> = {}): Promise<Answer> {
    const sent = headers();
    for (const [name, value] of Object.entries(carried)) sent.set(name, value);
    const bytes = typeof payload === 'string' || payload instanceof Uint8Array ? payload : JSON.stringify(payload);
    const reply = await connection.request(subject, bytes, { timeout: timeoutMs, headers: sent });
    const body = reply.json<Record<string, unknown>>();
    return {
      ...(reply.headers?.has('Nats-Service-Error-Code') && {
        code: reply.headers.get('Nats-Service-Error-Code'),
        error: reply.headers.get('Nats-Service-Error'),
      }),
      body,
      ...(body.failure !== undefined && {
        failure: body.failure as NonNullable<Answer['failure']>,
        requestId: body.requestId as string,
      }),
    };
  }

  return {
    connection,
    ask,
    as: (token) => (endpoint, payload, carried) =>
      ask(`cloud.api.v1.${endpoint}`, payload, { Authorization: `Bearer ${token}`, ...carried }),
    close: () => connection.close(),
  };
}
