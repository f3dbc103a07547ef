/** One process's connection to NATS, with JetStream on it. Every part is given one; all messages go through it. */
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type ConnectionOptions, connect, type Msg, type MsgHdrs, type NatsConnection } from 'nats';
import { fail } from '../../machines/failure.ts';
import { type Envelope, Outbox } from './outbox.ts';
import { Requests } from './requests.ts';
import { connectionOf } from './server-urls.ts';

export interface Bus {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
  /** Of the nats-server, for example `2.9.10`. */
  readonly serverVersion: string;
  /** Publishes, together with what else this turn of the event loop sends. Throws for what is too large to be carried. */
  send(subject: string, payload: string | Uint8Array, envelope?: Envelope): void;
  /** Sends, and resolves with the answer. Rejects when nobody listens, when none comes in time, or without connection. */
  request(
    subject: string,
    payload: string | Uint8Array,
    options: { timeoutMs: number; headers?: MsgHdrs },
  ): Promise<Msg>;
  /** Stops taking messages, lets those in hand be answered, and closes. */
  close(): Promise<void>;
}

export interface BusOptions {
  /** `nats://host:port`, or several of a cluster, separated by commas; `server-urls.ts` says what else. */
  url: string;
  /** Shown by the server beside the connection. */
  name: string;
  /** Further settings of the client: credentials, TLS. */
  connection?: Partial<ConnectionOptions>;
}

/** The oldest server whose features are enough. */
const oldestServer = [2, 9, 0] as const;

export async function connectBus({ url, name, connection: settings }: BusOptions): Promise<Bus> {
  const connection = await connect({
    ...connectionOf(url),
    name,
    noAsyncTraces: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    ...settings,
  });
  const serverVersion = connection.info?.version ?? '0.0.0';
  if (isOlder(serverVersion)) {
    await connection.close();
    throw fail('unavailable', `nats-server ${serverVersion} is too old; at least ${oldestServer.join('.')} is needed`);
  }
  const outbox = new Outbox(connection);
  const requests = new Requests(connection, outbox);
  return {
    connection,
    jetstream: jetstream(connection),
    manager: await jetstreamManager(connection),
    serverVersion,
    send: (subject, payload, envelope) => outbox.send(subject, payload, envelope),
    request: (subject, payload, options) => requests.request(subject, payload, options),
    async close() {
      if (connection.isClosed()) return;
      outbox.flush();
      // Without a server there is nobody to drain to; left alone, the connection would try to come back for ever.
      await connection.drain().catch(() => connection.close());
    },
  };
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  const given = [major, minor, patch];
  for (const [index, needed] of oldestServer.entries()) {
    const part = given[index] ?? 0;
    if (part !== needed) return part < needed;
  }
  return false;
}
