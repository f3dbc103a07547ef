/** One process's connection to NATS, with JetStream on it. Every part is given one; all messages go through it. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { type ConnectionOptions, connect, createInbox, type NatsConnection } from 'nats';
import { fail } from '../../machines/failure.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { Bus, Message, Nats, Subscription } from './bus.ts';
import { natsKeyValues } from './key-values.ts';
import { Outbox } from './outbox.ts';
import { Requests } from './requests.ts';
import { connectionOf } from './server-urls.ts';
import { consumeFromNats } from './work-queue.ts';

export interface BusOptions {
  /** `nats://host:port`, or several of a cluster, separated by commas; `server-urls.ts` says what else. */
  url: string;
  /** Shown by the server beside the connection. */
  name: string;
  /** The system's unless given. */
  clock?: Clock;
  /** Further settings of the client: credentials, TLS. */
  connection?: Partial<ConnectionOptions>;
}

/** The oldest server whose features are enough. */
const oldestServer = [2, 9, 0] as const;

export async function connectBus({ url, name, clock = systemClock, connection: more }: BusOptions): Promise<Bus> {
  const connection = await connect({
    ...connectionOf(url),
    name,
    noAsyncTraces: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    ...more,
  });
  const serverVersion = connection.info?.version ?? '0.0.0';
  if (isOlder(serverVersion)) {
    await connection.close();
    throw fail('unavailable', `nats-server ${serverVersion} is too old; at least ${oldestServer.join('.')} is needed`);
  }
  const outbox = new Outbox(connection);
  const nats: Nats = {
    connection,
    jetstream: jetstream(connection),
    manager: await jetstreamManager(connection),
    serverVersion,
  };
  const newInbox = () => createInbox(more?.inboxPrefix);
  const requests = new Requests({ connection, outbox, clock, inbox: newInbox() });
  const bus: Bus = {
    clock,
    nats,
    send: (subject, payload, envelope) => outbox.send(subject, payload, envelope),
    request: (subject, payload, options) => requests.request(subject, payload, options),
    subscribe: (subject, take, options) => subscribe(connection, subject, take, options),
    newInbox,
    openKeyValues: async (bucket, options) => natsKeyValues(await new Kvm(nats.jetstream).create(bucket, options)),
    consume: (options, take, onTrouble) => consumeFromNats(bus, options, take, onTrouble),
    async close() {
      if (connection.isClosed()) return;
      outbox.flush();
      // Without a server there is nobody to drain to; left alone, the connection would try to come back for ever.
      await connection.drain().catch(() => connection.close());
    },
  };
  return bus;
}

function subscribe(
  connection: NatsConnection,
  subject: string,
  take: (message: Message) => void,
  { queue }: { queue?: string | undefined } = {},
): Subscription {
  const subscription = connection.subscribe(subject, {
    ...(queue !== undefined && { queue }),
    callback: (error, message) => {
      if (!error) take(message);
    },
  });
  return {
    unsubscribe: () => subscription.unsubscribe(),
    async drain() {
      // Without a server there is nobody to tell.
      if (!subscription.isClosed()) await subscription.drain().catch(() => undefined);
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
