/** One process's connection to NATS, with JetStream on it. Every part is given one; all messages go through it. */
import { randomUUID } from 'node:crypto';
import { JetStreamApiError, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type ConnectionOptions, connect, errors, type NatsConnection, type QueuedIterator, type Status } from 'nats';
import { FailureError, fail } from '../../machines/failure.ts';
import { type Clock, sleep, systemClock } from '../clock.ts';
import type { Tracer } from '../tracing.ts';
import type { Bus, Message, Nats, Subscription } from './bus.ts';
import type { StoreSettings } from './ensure-stream.ts';
import { forgetCasts } from './forget-casts.ts';
import { openNatsKeyValues } from './key-values.ts';
import { Outbox } from './outbox.ts';
import { type Refusal, refusalOf } from './refusal.ts';
import { Requests } from './requests.ts';
import { servedBy } from './served-by.ts';
import { connectionOf } from './server-urls.ts';
import { storeUse } from './store-use.ts';
import { isApi, matches } from './subjects.ts';
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
  /** What an operator has set of the store. */
  store?: StoreSettings;
  /** Whether JetStream has to be there; a client of the API may not even ask. */
  usesJetStream?: boolean;
  /**
   * Whether the connection ends when it is served by another (`servedBy`): a server that was killed may have lost the last
   * that it had acknowledged, and whoever goes by what it was told before would be ahead of the store.
   */
  endsWithServer?: boolean;
  /** How long to wait for a server that is not there yet (ms). */
  waitMs?: number;
  tracer?: Tracer | undefined;
  /** Told, once, why it is waited for. */
  onWait?: (reason: string) => void;
  /** Where the API is to answer, who answers nowhere but to clients; absent: where everybody does. */
  clientInbox?: string | undefined;
  /** Ends the waiting. */
  signal?: AbortSignal;
  /** Told of what the server does not let this user do. A request is rejected besides. */
  onRefusal?: (refusal: Refusal) => void;
}

interface Connected {
  connection: NatsConnection;
  manager: JetStreamManager;
}

/** The oldest server whose features are enough. */
const oldestServer = [2, 9, 0] as const;

/** Rejects with what the client says when there is no server, or with `unavailable` when it is too old. */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const { clock = systemClock, connection: more, onRefusal } = options;
  const { connection, manager } = await connectPatiently(options, clock);
  const serverVersion = connection.info?.version ?? '0.0.0';
  if (isOlder(serverVersion)) {
    await connection.close();
    throw fail('unavailable', `nats-server ${serverVersion} is too old; at least ${oldestServer.join('.')} is needed`);
  }
  const replicas = options.store?.replicas ?? 1;
  // It would say that it keeps them, and not do so.
  if (replicas > 1 && connection.info?.cluster === undefined) {
    await connection.close();
    throw fail('unsupported', `the NATS server keeps no ${replicas} replicas: it is no member of a cluster`);
  }
  const outbox = new Outbox(connection);
  const nats: Nats = {
    connection,
    jetstream: jetstream(connection),
    manager,
    serverVersion,
    store: options.store ?? {},
  };
  // Nobody who was told of one can guess another, and answer what others are asked.
  const newInbox = () => `${more?.inboxPrefix ?? '_INBOX'}.${randomUUID()}`;
  const requests = new Requests({ connection, outbox, clock, inbox: newInbox() });
  const askedOf: Requests[] = [requests];
  const { clientInbox } = options;
  let ofClient = clientInbox === undefined ? requests : undefined;
  /** Made when it is needed: most parts ask the API nothing, and may not. */
  function requestsTo(subject: string): Requests {
    if (!isApi(subject)) return requests;
    if (!ofClient) {
      ofClient = new Requests({ connection, outbox, clock, inbox: `${clientInbox}.${randomUUID()}` });
      askedOf.push(ofClient);
    }
    return ofClient;
  }
  const waitingForServer = new Set<() => void>();
  const ended = Promise.withResolvers<FailureError>();
  void connection.closed().then((reason) => {
    // Whoever still waits for something to be sent is told that it never is.
    outbox.flush();
    if (reason instanceof Error) ended.resolve(whyEnded(reason));
  });
  void bridgeGaps(connection, outbox, askedOf, () => {
    for (const listener of [...waitingForServer]) listener();
  });
  const onBack = (listener: () => void) => {
    waitingForServer.add(listener);
    return () => void waitingForServer.delete(listener);
  };
  void hearRefusals(connection, (refusal) => {
    for (const each of askedOf) each.refuse(refusal);
    onRefusal?.(refusal);
  });
  const bus: Bus = {
    clock,
    servedBy: servedBy(connection),
    tracer: options.tracer,
    nats,
    send: (subject, payload, envelope) => outbox.send(subject, payload, envelope),
    request: (subject, payload, options) => requestsTo(subject).request(subject, payload, options),
    subscribe: (subject, take, options) => subscribe(connection, subject, take, options),
    newInbox,
    openKeyValues: (name, { history }) =>
      openNatsKeyValues(nats, { name, history, clock, request: bus.request, onBack }),
    storeUse: () => storeUse(nats),
    forgetCasts: (part) => forgetCasts(nats, part),
    consume: (options, take, listener) => consumeFromNats({ bus, onBack }, options, take, listener),
    ended: ended.promise,
    abandon: () => connection.close(),
    async close() {
      if (connection.isClosed()) return;
      outbox.flush();
      // Without a server there is nobody to drain to; left alone, the connection would try to come back for ever.
      await connection.drain().catch(() => connection.close());
    },
  };
  return bus;
}

/** The client has given up: it was refused, say. Whoever connects anew is told more. */
function whyEnded(reason: Error): FailureError {
  if (reason instanceof FailureError) return reason;
  return fail('unavailable', `the connection to NATS has ended: ${reason.message}`, { disposition: 'retry' });
}

/** How long to wait before a server that is not there is looked for again (ms). */
const lookAgainMs = 250;

async function connectPatiently(options: BusOptions, clock: Clock): Promise<Connected> {
  const { waitMs = 0, onWait, signal } = options;
  const giveUpAt = clock.now() + waitMs;
  for (let tries = 1; ; tries++) {
    try {
      return await connectOnce(options);
    } catch (error) {
      if (!isAway(error) || clock.now() >= giveUpAt) throw error;
      if (tries === 1) onWait?.((error as Error).message);
      await sleep(clock, lookAgainMs, signal);
    }
  }
}

async function connectOnce({
  url,
  name,
  connection: more,
  usesJetStream = true,
  endsWithServer = false,
}: BusOptions): Promise<Connected> {
  let served: { connection: NatsConnection; by: string } | undefined;
  /** Asked before each connection is used: when it throws the client closes, before it has sent or heard anything. */
  function stayWithServer(): void {
    if (!endsWithServer || !served || servedBy(served.connection) === served.by) return;
    throw fail('unavailable', 'the NATS server was started anew', { disposition: 'retry' });
  }
  const connection = await connect({
    ...connectionOf(url),
    name,
    noAsyncTraces: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    ...more,
    authenticator: [stayWithServer, ...[more?.authenticator ?? []].flat()],
  });
  served = { connection, by: servedBy(connection) };
  try {
    return { connection, manager: await jetstreamManager(connection, { checkAPI: usesJetStream }) };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Whether nobody is there, or nobody's JetStream: somebody who refuses us will not think better of it. */
function isAway(error: unknown): boolean {
  if (error instanceof errors.ConnectionError || error instanceof errors.TimeoutError) return true;
  // A cluster that has no leader yet.
  if (error instanceof JetStreamApiError) return error.status === 503;
  if (!(error instanceof Error)) return false;
  // That of JetStream is not exported; a name that is not known yet is none of the client's.
  const { name, code } = error as Error & { code?: unknown };
  return (
    name === 'JetStreamNotEnabled' || ['ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'].includes(String(code))
  );
}

/** What is sent waits while the connection is away; what was asked before is not going to be answered. */
async function bridgeGaps(
  connection: NatsConnection,
  outbox: Outbox,
  askedOf: readonly Requests[],
  onBack: () => void,
): Promise<void> {
  for await (const { type } of connection.status() as QueuedIterator<Status>) {
    if (type === 'disconnect') {
      outbox.hold();
      for (const requests of askedOf) requests.lose();
    }
    if (type === 'reconnect') {
      outbox.release();
      onBack();
    }
  }
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
      if (!error && !isStored(message, subject)) take(message);
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

/**
 * JetStream delivers what a stream holds to wherever its reader says. Whoever may write to one, and read it, could so speak
 * in the name of any part: what comes under the subject that it was stored by, or tells of its stream, nobody has sent here.
 */
function isStored(message: Message, subject: string): boolean {
  return !matches(message.subject, subject) || message.headers?.has('Nats-Stream') === true;
}

/** The server answers no single message: it tells of what it has refused, later. */
async function hearRefusals(connection: NatsConnection, tell: (refusal: Refusal) => void): Promise<void> {
  for await (const status of connection.status() as QueuedIterator<Status>) {
    const refusal = status.type === 'error' ? refusalOf(status.error) : undefined;
    if (refusal) tell(refusal);
  }
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
