/**
 * The link from a compute host to its libvirt daemon: two connections that live and die together, made again by
 * themselves when they drop. Long operations go over one, queries and events over the other, so that a query
 * never waits behind a guest that takes seconds to start.
 *
 * Calls are not repeated here: one that broke may have been done, and only its caller knows how to look.
 */
import { type FailureError, fail } from '../../machines/failure.ts';
import { eventIds } from '../../transport/libvirt/constants.ts';
import { type Procedure, procedures, remoteEvents } from '../../transport/libvirt/procedures.ts';
import { type CallOptions, RpcConnection, type RpcConnectionOptions } from '../../transport/libvirt/rpc-connection.ts';
import { LinkLost } from '../../transport/libvirt/rpc-errors.ts';
import { resolveConnection } from './connection-uri.ts';
import { rejectOnAbort } from './waiting.ts';

/** One less than the daemon's max_client_requests; see RpcConnectionOptions. */
const maxInFlight = 4;
/** The first call after a daemon's start waits until it knows its emulators. */
const openDeadlineMs = 60_000;

const defaults = {
  shortDeadlineMs: 30_000,
  /** A guest with much memory takes minutes to be saved to disk. The step's own signal is the real limit. */
  longDeadlineMs: 15 * 60_000,
  firstBackoffMs: 100,
  mostBackoffMs: 5_000,
};

export type LinkOptions = Partial<typeof defaults> & {
  uri: string;
  keepalive?: NonNullable<RpcConnectionOptions['keepalive']>;
};

export type LinkEvent =
  | { type: 'connected' }
  | { type: 'lost'; reason: string }
  /** `kind` is one of lifecycleKinds. */
  | { type: 'lifecycle'; uuid: string; kind: number; detail: number }
  | { type: 'rebooted'; uuid: string }
  | { type: 'deviceRemoved'; uuid: string; alias: string };

export type Lane = 'short' | 'long';

export class LibvirtLink {
  readonly #options: typeof defaults & LinkOptions;
  readonly #emit: (event: LinkEvent) => void;
  #lanes: Record<Lane, RpcConnection> | undefined;
  #isClosed = false;
  /** It was connected once: from then on it connects by itself. */
  #isHealing = false;
  #opening: Promise<void> | undefined;
  #connected = Promise.withResolvers<void>();
  readonly #closing = new AbortController();

  constructor(options: LinkOptions, emit: (event: LinkEvent) => void) {
    this.#options = { ...defaults, ...options };
    this.#emit = emit;
    // Closed while nobody waits: not an error.
    this.#connected.promise.catch(() => {});
  }

  get isConnected(): boolean {
    return this.#lanes !== undefined;
  }

  /** Rejects when the first attempt fails, and may be called again then; afterwards the link heals by itself. */
  async open(): Promise<void> {
    if (this.#isClosed) throw closedFailure();
    if (this.#isHealing) return await this.#connected.promise;
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined;
    });
    await this.#opening;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closing.abort();
    this.#lanes?.short.close();
    this.#lanes?.long.close();
    this.#lanes = undefined;
    this.#connected.reject(closedFailure());
  }

  /** Rejects with LibvirtError, LinkLost, CallTimeout, or the signal's reason. */
  async call<A, R>(lane: Lane, procedure: Procedure<A, R>, args: A, options: CallOptions = {}): Promise<R> {
    if (this.#isClosed) throw closedFailure();
    if (this.#lanes === undefined) throw new LinkLost('libvirt is not connected', false);
    return this.#lanes[lane].call(procedure, args, options);
  }

  /**
   * One more connection to the daemon, for what would hold up the others. Whoever has it closes it; it does not come back
   * when it drops. Rejects as `call` does.
   */
  async openAnother(): Promise<RpcConnection> {
    if (this.#isClosed) throw closedFailure();
    if (this.#lanes === undefined) throw new LinkLost('libvirt is not connected', false);
    const { uri, keepalive, shortDeadlineMs } = this.#options;
    const { socketPath, name } = resolveConnection(uri);
    return openConnection({ socketPath, deadlineMs: shortDeadlineMs, ...(keepalive && { keepalive }) }, name);
  }

  /** Resolves at once while connected. Rejects with the signal's reason, or when the link is closed. */
  async whenConnected(signal: AbortSignal): Promise<void> {
    if (this.#isClosed) throw closedFailure();
    await rejectOnAbort(this.#connected.promise, signal);
  }

  async #connect(): Promise<void> {
    const { uri, keepalive, shortDeadlineMs, longDeadlineMs } = this.#options;
    const { socketPath, name } = resolveConnection(uri);
    const shared = { socketPath, maxInFlight, ...(keepalive && { keepalive }) };
    const opened = await Promise.allSettled([
      openConnection({ ...shared, deadlineMs: shortDeadlineMs }, name),
      openConnection({ ...shared, deadlineMs: longDeadlineMs }, name),
    ]);
    const connections = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    try {
      const [short, long] = connections;
      if (short === undefined || long === undefined) {
        throw opened.find((result) => result.status === 'rejected')?.reason;
      }
      if (this.#isClosed) throw closedFailure();
      await this.#subscribe(short);
      this.#adopt({ short, long });
    } catch (error) {
      for (const connection of connections) connection.close();
      throw error;
    }
  }

  async #subscribe(connection: RpcConnection): Promise<void> {
    connection.onEvent(remoteEvents.lifecycle, ({ domain, event, detail }) => {
      this.#emit({ type: 'lifecycle', uuid: domain.uuid, kind: event, detail });
    });
    connection.onEvent(remoteEvents.reboot, ({ domain }) => {
      this.#emit({ type: 'rebooted', uuid: domain.uuid });
    });
    connection.onEvent(remoteEvents.deviceRemoved, ({ domain, alias }) => {
      this.#emit({ type: 'deviceRemoved', uuid: domain.uuid, alias });
    });
    const registrations = Object.values(eventIds).map((eventId) =>
      connection.call(procedures.registerEvent, { eventId, domain: undefined }),
    );
    await Promise.all(registrations);
  }

  #adopt(lanes: Record<Lane, RpcConnection>): void {
    if (this.#isClosed || !lanes.short.isOpen || !lanes.long.isOpen) {
      throw new LinkLost('the link to libvirt dropped while it was opened', false);
    }
    this.#lanes = lanes;
    this.#isHealing = true;
    this.#connected.resolve();
    for (const connection of [lanes.short, lanes.long]) {
      connection.onClose((reason) => this.#lose(lanes, reason));
    }
    this.#emit({ type: 'connected' });
  }

  #lose(lanes: Record<Lane, RpcConnection>, reason: string): void {
    if (this.#isClosed || this.#lanes !== lanes) return;
    this.#lanes = undefined;
    this.#connected = Promise.withResolvers();
    this.#connected.promise.catch(() => {});
    lanes.short.close();
    lanes.long.close();
    this.#emit({ type: 'lost', reason });
    void this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    let backoffMs = this.#options.firstBackoffMs;
    while (!this.#isClosed) {
      try {
        await this.#connect();
        return;
      } catch {
        // Told once already, by `lost`.
        await sleep(backoffMs, this.#closing.signal);
        backoffMs = Math.min(backoffMs * 2, this.#options.mostBackoffMs);
      }
    }
  }
}

async function openConnection(options: RpcConnectionOptions, name: string): Promise<RpcConnection> {
  const connection = await RpcConnection.open(options);
  try {
    await connection.call(procedures.open, { name, flags: 0 }, { deadlineMs: openDeadlineMs });
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function closedFailure(): FailureError {
  return fail('hypervisor_unavailable', 'the connection to libvirt was closed');
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener('abort', () => {
    clearTimeout(timer);
    resolve();
  });
  return promise;
}
