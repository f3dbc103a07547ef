/**
 * One connection to a libvirt daemon over a unix socket: many calls in flight, told apart by serial; events pushed by
 * the daemon; keepalive in both directions.
 *
 * A connection lives once: when it drops, for whatever reason, every pending call fails with LinkLost and it stays
 * closed. Whoever needs to stay connected opens another.
 */
import { createConnection, type Socket } from 'node:net';
import {
  keepalivePacket,
  keepaliveProcedures,
  keepaliveProgram,
  type Packet,
  PacketSplitter,
  ProtocolError,
  packetStatus,
  packetTypes,
  programVersion,
  remoteProgram,
} from './packet.ts';
import { callPacket, PendingCall } from './pending-call.ts';
import { type Procedure, procedures, type RemoteEvent, remoteError } from './procedures.ts';
import { LibvirtError, LinkLost } from './rpc-errors.ts';
import { RpcStream } from './rpc-stream.ts';
import { decode } from './xdr.ts';

/** REMOTE_AUTH_NONE: the socket's file permissions are the authentication. */
const authNone = 0;
const maxSerial = 0xffff_ffff;

export interface RpcConnectionOptions {
  socketPath: string;
  /**
   * Calls the daemon has at once; the others wait here. A daemon stops reading a socket that has more than its
   * max_client_requests (5) under way, keepalive included, so that a busy daemon would look like a hung one.
   */
  maxInFlight?: number;
  /** For calls that name none. Counted from the call, waiting included. */
  deadlineMs?: number;
  /** A ping each `intervalMs`; the link is hung when `count` of them brought nothing at all. */
  keepalive?: { intervalMs: number; count: number };
}

export interface CallOptions {
  deadlineMs?: number;
  /** Rejects the call at once, with the signal's reason; a call not sent yet is not sent. */
  signal?: AbortSignal;
}

/** A call of whatever procedure. */
type Call = Pick<PendingCall<never, unknown>, 'name' | 'toPacket' | 'answer' | 'fail'>;

export class RpcConnection {
  readonly #socket: Socket;
  readonly #maxInFlight: number;
  readonly #deadlineMs: number;
  readonly #splitter = new PacketSplitter();
  /** By serial. A call that was given up stays until its answer comes: the daemon is still at it. */
  readonly #inFlight = new Map<number, Call>();
  readonly #waiting = new Set<Call>();
  /** By serial, until the daemon has said that it is over. */
  readonly #streams = new Map<number, RpcStream>();
  /** By procedure: decodes, and returns what delivers the event. */
  readonly #eventListeners = new Map<number, (payload: Buffer) => () => void>();
  #lastSerial = 0;
  #pingsUnanswered = 0;
  #keepaliveTimer: NodeJS.Timeout | undefined;
  #closedBecause: string | undefined;
  readonly #closeListeners: ((reason: string) => void)[] = [];

  private constructor(socket: Socket, options: RpcConnectionOptions) {
    const { maxInFlight = Number.POSITIVE_INFINITY, deadlineMs = 30_000 } = options;
    const { keepalive = { intervalMs: 5_000, count: 5 } } = options;
    this.#socket = socket;
    this.#maxInFlight = maxInFlight;
    this.#deadlineMs = deadlineMs;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#drop(`the link to libvirt broke: ${error.message}`));
    socket.on('end', () => this.#drop('libvirt closed the link'));
    socket.on('close', () => this.#drop('the link to libvirt closed'));
    this.#keepaliveTimer = setInterval(() => this.#ping(keepalive.count), keepalive.intervalMs);
  }

  /** Connects and checks that no authentication is asked for. Rejects with LinkLost. */
  static async open(options: RpcConnectionOptions): Promise<RpcConnection> {
    const connection = new RpcConnection(await connectSocket(options.socketPath), options);
    try {
      const { types } = await connection.call(procedures.authList, undefined);
      if (!types.includes(authNone)) throw new LinkLost('libvirt asks for authentication on this socket', false);
      return connection;
    } catch (error) {
      connection.#drop('the link was not opened');
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#closedBecause === undefined;
  }

  /** Rejects with LibvirtError, LinkLost, CallTimeout, or the signal's reason. */
  call<A, R>(procedure: Procedure<A, R>, args: A, options: CallOptions = {}): Promise<R> {
    return this.#ask(procedure, args, options);
  }

  /**
   * Calls a procedure that opens a stream. Rejects as `call` does. A stream that is not read holds up all that comes over
   * this connection, so it wants one of its own.
   */
  async openStream<A>(procedure: Procedure<A, void>, args: A, options: CallOptions = {}): Promise<RpcStream> {
    let opened: RpcStream | undefined;
    await this.#ask(procedure, args, options, (serial) => {
      opened = new RpcStream(procedure, serial, this.#socket);
      this.#streams.set(serial, opened);
    });
    if (!opened) throw new ProtocolError(`${procedure.name} was answered before it was asked`);
    return opened;
  }

  async #ask<A, R>(
    procedure: Procedure<A, R>,
    args: A,
    { deadlineMs = this.#deadlineMs, signal }: CallOptions,
    onAnswer?: (serial: number) => void,
  ): Promise<R> {
    if (this.#closedBecause !== undefined) throw new LinkLost(this.#closedBecause, false);
    signal?.throwIfAborted();
    const call = new PendingCall(procedure, args, {
      deadlineMs,
      signal,
      onAnswer,
      onGivenUp: () => this.#waiting.delete(call),
    });
    this.#waiting.add(call);
    this.#sendWaiting();
    return await call.outcome;
  }

  /** One listener for each kind of event; the daemon must have been asked for them. */
  onEvent<E>(event: RemoteEvent<E>, listener: (payload: E) => void): void {
    this.#eventListeners.set(event.number, (bytes) => {
      const payload = decode(event.payload, bytes);
      return () => listener(payload);
    });
  }

  /** Called once, before the pending calls fail, so that whoever hears of those finds the link down. */
  onClose(listener: (reason: string) => void): void {
    this.#closeListeners.push(listener);
  }

  /** Says goodbye when the daemon still listens. Pending calls fail. */
  close(): void {
    if (this.#closedBecause !== undefined) return;
    this.#socket.write(callPacket(procedures.close.number, this.#nextSerial()));
    this.#drop('the link was closed here', 'end');
  }

  #sendWaiting(): void {
    for (const call of this.#waiting) {
      if (this.#inFlight.size >= this.#maxInFlight) return;
      this.#waiting.delete(call);
      const serial = this.#nextSerial();
      try {
        this.#socket.write(call.toPacket(serial));
        this.#inFlight.set(serial, call);
      } catch (error) {
        call.fail(error);
      }
    }
  }

  #nextSerial(): number {
    do {
      this.#lastSerial = this.#lastSerial === maxSerial ? 1 : this.#lastSerial + 1;
    } while (this.#inFlight.has(this.#lastSerial) || this.#streams.has(this.#lastSerial));
    return this.#lastSerial;
  }

  #receive(chunk: Buffer): void {
    try {
      for (const packet of this.#splitter.push(chunk)) {
        if (!this.isOpen) return;
        this.#pingsUnanswered = 0;
        this.#handle(packet);
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#drop(`libvirt sent what is not its protocol: ${message}`);
    }
  }

  #handle({ header, payload }: Packet): void {
    if (header.version !== programVersion) throw new ProtocolError(`version ${header.version}`);
    if (header.program === keepaliveProgram) {
      if (header.procedure === keepaliveProcedures.ping) this.#socket.write(keepalivePacket('pong'));
    } else if (header.program !== remoteProgram) {
      throw new ProtocolError(`program 0x${header.program.toString(16)}`);
    } else if (header.type === packetTypes.message) {
      const deliver = this.#eventListeners.get(header.procedure)?.(payload);
      // Outside the reading of packets: a listener that throws is our bug, not the daemon's.
      if (deliver !== undefined) queueMicrotask(deliver);
    } else if (header.type === packetTypes.reply) {
      this.#handleReply(header.serial, header.status, payload);
    } else if (header.type === packetTypes.stream) {
      this.#handleStream(header.serial, header.status, payload);
    } else {
      throw new ProtocolError(`a packet of type ${header.type}`);
    }
  }

  #handleReply(serial: number, status: number, payload: Buffer): void {
    const call = this.#inFlight.get(serial);
    if (call === undefined) throw new ProtocolError(`a reply to serial ${serial}, which was not called`);
    // Decoded before the call is forgotten, so that a reply that makes no sense fails it with the link.
    if (status === packetStatus.ok) {
      call.answer(payload);
    } else if (status === packetStatus.error) {
      call.fail(new LibvirtError(call.name, decode(remoteError, payload)));
    } else {
      throw new ProtocolError(`a reply of status ${status}`);
    }
    this.#inFlight.delete(serial);
    this.#sendWaiting();
  }

  #handleStream(serial: number, status: number, payload: Buffer): void {
    const stream = this.#streams.get(serial);
    if (stream === undefined) throw new ProtocolError(`a part of stream ${serial}, which was not opened`);
    // Forgotten afterwards: a part that makes no sense breaks it with the link.
    stream.receive(status, payload);
    if (status !== packetStatus.continue) this.#streams.delete(serial);
  }

  #ping(count: number): void {
    // Answers are behind what the reader of a stream has yet to take.
    if (this.#socket.isPaused()) this.#pingsUnanswered = 0;
    if (this.#pingsUnanswered >= count) {
      this.#drop(`libvirt is hung: ${count} keepalive pings brought no answer`);
      return;
    }
    this.#pingsUnanswered += 1;
    this.#socket.write(keepalivePacket('ping'));
  }

  #drop(reason: string, how: 'end' | 'destroy' = 'destroy'): void {
    if (this.#closedBecause !== undefined) return;
    this.#closedBecause = reason;
    clearInterval(this.#keepaliveTimer);
    if (how === 'end') this.#socket.end().unref();
    else this.#socket.destroy();
    try {
      for (const listener of this.#closeListeners) listener(reason);
    } finally {
      for (const call of this.#inFlight.values()) call.fail(new LinkLost(reason, true));
      for (const call of this.#waiting) call.fail(new LinkLost(reason, false));
      // Whoever closes the link has no more to do with its streams.
      for (const stream of this.#streams.values()) {
        stream.destroy(how === 'end' ? undefined : new LinkLost(reason, false));
      }
      this.#inFlight.clear();
      this.#waiting.clear();
      this.#streams.clear();
    }
  }
}

function connectSocket(path: string): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = createConnection(path);
  const refuse = (error: Error) => reject(new LinkLost(`cannot reach libvirt at ${path}: ${error.message}`, false));
  socket.once('error', refuse);
  socket.once('connect', () => {
    socket.off('error', refuse);
    resolve(socket);
  });
  return promise;
}
