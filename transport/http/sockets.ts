/**
 * The WebSockets of the web server: who may open one, and when it is closed. A browser shows its cookie, and whose page it
 * is; a program the header of the API. A socket ends with its session, however that ends.
 *
 * Whoever wants one asks as for anything else, so that what is true of requests is true of these as well: by which proxy
 * they came, and what is said to whoever is not let in.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import { fail, toFailure } from '../../machines/failure.ts';
import { type Clock, every } from '../clock.ts';
import { tooMany } from '../messages/too-many.ts';
import { closeCodes } from '../messages/web.ts';
import type { Bus } from '../nats/bus.ts';
import { refuseUpgrade } from './refuse-upgrade.ts';
import { openSession, type Session, secretOf } from './session.ts';

/** Who has opened a socket, and how. */
export interface Opening {
  session: Session;
  query: URLSearchParams;
  /** What is beneath the socket. */
  connection: Duplex;
}

/** Serves one socket; what it leaves behind it takes away when the socket closes. */
export type ServeSocket = (socket: WebSocket, opening: Opening) => void;

interface SocketOptions {
  /** Whether it is for somebody; absent: for all who are signed in. */
  admits?: (session: Session) => boolean;
}

/** Those of one token. */
interface OfSession {
  session: Session;
  sockets: Set<WebSocket>;
  cancelLook: () => void;
}

/** What a client may send at a time, unless its route says otherwise (bytes). */
const mostBytes = 64 * 1024;
const mostSockets = 32;
/**
 * How often is looked whether the session is still one (ms), and how soon at the earliest: a page that asks for nothing by
 * itself, such as a form, learns only by its socket that nobody is signed in any more.
 */
const lookEveryMs = 5_000;
const lookAgainMs = 1_000;
/** How often a client has to show that it is there (ms). */
const pingEveryMs = 25_000;
const goingAway = 1001;
/** How long clients may take to go (ms). */
const graceMs = 1_000;

export class Sockets {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #paths = new Set<string>();
  /** What came after the requests of those who want one. */
  readonly #heads = new WeakMap<IncomingMessage, Buffer>();
  /** By the token's id. */
  readonly #sessions = new Map<string, OfSession>();
  /** Of each who is about to be let in: whose sessions have ended meanwhile. */
  readonly #arriving = new Set<Set<string>>();
  readonly #silent = new WeakSet<WebSocket>();
  readonly #server = new WebSocketServer({ noServer: true, clientTracking: false, maxPayload: mostBytes });
  readonly #stopPinging: () => void;
  #isStopped = false;

  constructor({ bus, clock }: { bus: Bus; clock: Clock }) {
    this.#bus = bus;
    this.#clock = clock;
    this.#stopPinging = every(clock, pingEveryMs, async () => this.#ping());
  }

  route(app: FastifyInstance, path: string, serve: ServeSocket, { admits = () => true }: SocketOptions = {}): void {
    this.#paths.add(path);
    app.get(path, async (asking, reply) => {
      const { raw: request } = asking;
      const { socket: connection } = request;
      const head = this.#heads.get(request);
      // Somebody's browser goes there.
      if (!head) return reply.callNotFound();
      const ended = new Set<string>();
      this.#arriving.add(ended);
      try {
        const session = await openSession(this.#bus, secretOf(asking));
        // Nothing is waited for from here on.
        if (this.#isStopped) throw fail('unavailable', 'the server goes away', { disposition: 'retry' });
        if (ended.has(session.tokenId)) throw fail('unauthenticated', 'signed out');
        if (!admits(session)) throw fail('forbidden', `${path} is for those who may do more`);
        this.#refuseTooMany(session);
        reply.hijack();
        reply.raw.detachSocket(connection);
        this.#server.handleUpgrade(request, connection, head, (opened) => {
          this.#keep(opened, session);
          const [, search] = asking.url.split('?', 2);
          serve(opened, { session, query: new URLSearchParams(search), connection });
        });
      } finally {
        this.#arriving.delete(ended);
      }
    });
  }

  /** Asks for whoever wants one. */
  upgrade(app: FastifyInstance, request: IncomingMessage, head: Buffer): void {
    const { socket, url = '' } = request;
    const [path = ''] = url.split('?', 1);
    if (!this.#paths.has(path)) {
      refuseUpgrade(socket, 404);
      return;
    }
    this.#heads.set(request, head);
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.once('finish', () => socket.destroySoon());
    response.assignSocket(socket);
    app.routing(request, response);
  }

  /** Somebody has signed out. */
  end(tokenId: string): void {
    for (const ended of this.#arriving) ended.add(tokenId);
    this.#close(tokenId, closeCodes.signedOut, 'signed out');
  }

  /** Resolves when all are closed. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopPinging();
    const open = [...this.#sessions.values()].flatMap(({ sockets }) => [...sockets]);
    const closed = Promise.all(open.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    for (const tokenId of [...this.#sessions.keys()]) this.#close(tokenId, goingAway, 'the server goes away');
    await closed;
  }

  #refuseTooMany({ tokenId }: Session): void {
    if ((this.#sessions.get(tokenId)?.sockets.size ?? 0) < mostSockets) return;
    throw tooMany(`a session may have ${mostSockets} sockets`, lookAgainMs);
  }

  #keep(socket: WebSocket, session: Session): void {
    const { tokenId } = session;
    const known = this.#sessions.get(tokenId);
    const ofSession = known ?? { session, sockets: new Set(), cancelLook: () => undefined };
    ofSession.sockets.add(socket);
    if (!known) {
      this.#sessions.set(tokenId, ofSession);
      this.#lookLater(ofSession);
    }
    for (const sign of ['pong', 'message']) socket.on(sign, () => this.#silent.delete(socket));
    // It is closed then; nobody else has to know.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      ofSession.sockets.delete(socket);
      if (ofSession.sockets.size === 0) this.#forget(tokenId, ofSession);
    });
  }

  #lookLater(ofSession: OfSession): void {
    const { expiresAt = Number.POSITIVE_INFINITY } = ofSession.session;
    const waitMs = Math.max(Math.min(lookEveryMs, expiresAt - this.#clock.now()), lookAgainMs);
    ofSession.cancelLook = this.#clock.after(waitMs, () => void this.#look(ofSession));
  }

  async #look(ofSession: OfSession): Promise<void> {
    const { session } = ofSession;
    try {
      const { roles } = await openSession(this.#bus, session.secret);
      const isSame = roles.length === session.roles.length && roles.every((role) => session.roles.includes(role));
      if (!isSame) this.#close(session.tokenId, closeCodes.rolesChanged, 'the roles have changed');
    } catch (error) {
      // Of what cannot be asked just now nothing is known.
      if (toFailure(error).code === 'unauthenticated') this.end(session.tokenId);
    }
    if (this.#sessions.get(session.tokenId) === ofSession) this.#lookLater(ofSession);
  }

  #close(tokenId: string, code: number, reason: string): void {
    const ofSession = this.#sessions.get(tokenId);
    if (!ofSession) return;
    this.#forget(tokenId, ofSession);
    for (const socket of ofSession.sockets) this.#dismiss(socket, code, reason);
  }

  /** What it says from now on is nobody's. */
  #dismiss(socket: WebSocket, code: number, reason: string): void {
    socket.removeAllListeners('message');
    socket.close(code, reason);
    socket.once(
      'close',
      this.#clock.after(graceMs, () => socket.terminate()),
    );
  }

  #forget(tokenId: string, ofSession: OfSession): void {
    ofSession.cancelLook();
    if (this.#sessions.get(tokenId) === ofSession) this.#sessions.delete(tokenId);
  }

  #ping(): void {
    for (const { sockets } of this.#sessions.values()) {
      for (const socket of sockets) {
        // Whoever is not read cannot be heard either.
        if (socket.isPaused) this.#silent.delete(socket);
        else if (this.#silent.has(socket)) socket.terminate();
        else this.#silent.add(socket);
        socket.ping();
      }
    }
  }
}
