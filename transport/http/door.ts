/**
 * The port of the web server. It is open for as long as the process lives, whoever stands behind it: a life that ends,
 * and the one that follows, have the same address. While nobody stands there it says that it is alive, and of all else
 * that it is not to be had just now.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { isIPv6, type Socket } from 'node:net';
import { fail } from '../../machines/failure.ts';
import type { Clock } from '../clock.ts';
import { neighbourhoodOf } from './neighbourhood.ts';
import { refuseUpgrade } from './refuse-upgrade.ts';
import { SignInLimit } from './sign-in-limit.ts';

const usualPort = 8780;
/** How long a client may take to say what it wants (ms). */
const headersMs = 10_000;
const requestMs = 30_000;
/** How often is looked who has taken longer (ms). */
const lookEveryMs = 1_000;
/** How long a connection may be idle (ms). */
const idleMs = 60_000;
/** How many may be connected: whoever comes in great numbers must not take all that this process may open. */
const mostConnections = 4096;
/** And how many from one address, so that nobody shuts the others out. Of proxies before us it is theirs to see to. */
const mostOfOne = 1024;
/** How long what was asked may take to be answered once it is to end (ms). */
const graceMs = 5_000;

export interface DoorOptions {
  address: string;
  /** Demanded when given, and 0 asks for any free one. When absent: 8780, or any free one when that is taken. */
  port?: number | undefined;
  /** Files in PEM. */
  tls?: { certificate: string; key: string } | undefined;
  /** Addresses, or blocks of them, of proxies that say truly for whom they ask. */
  trustedProxies?: readonly string[] | undefined;
  clock: Clock;
  /** Told what keeps it from letting somebody in, such as too many open files; it stays open. */
  onError: (error: Error) => void;
}

/** Who stands behind it. */
export interface Servant {
  request: RequestListener;
  upgrade(request: IncomingMessage, head: Buffer): void;
}

export class Door {
  readonly port: number;
  readonly trustedProxies: readonly string[];
  /** Where a browser on this machine finds it. */
  readonly url: string;
  /** Kept here: who has tried too often has done so in the next life, too. */
  readonly signIns: SignInLimit;
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #connections = new Set<Socket>();
  /** How many there are, by neighbourhood. */
  readonly #connectionsOf = new Map<string, number>();
  readonly #inHand = new Set<ServerResponse>();
  #servant: Servant | undefined;

  /** Rejects with `conflict` when the port is taken, and with `invalid_request` for a certificate that cannot be used. */
  static async open(options: DoorOptions): Promise<Door> {
    const { address, port = usualPort, tls, onError } = options;
    const server = tls ? makeTlsServer(tls) : createServer(serverOptions);
    server.headersTimeout = headersMs;
    server.requestTimeout = requestMs;
    server.keepAliveTimeout = idleMs;
    server.maxConnections = mostConnections;
    try {
      await listen(server, address, port);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE' && options.port === undefined) await listen(server, address, 0);
      else if (code === 'EADDRINUSE') {
        throw fail('conflict', `port ${port} of ${address} is taken by another program: --http-port chooses another`, {
          details: { port },
        });
      } else throw fail('invalid_request', `nobody can be served at ${address}: ${message}`);
    }
    server.on('error', onError);
    return new Door(server, options);
  }

  private constructor(server: Server, { address, tls, trustedProxies = [], clock }: DoorOptions) {
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new TypeError('the server has no port');
    this.port = bound.port;
    this.trustedProxies = trustedProxies;
    this.url = `${tls ? 'https' : 'http'}://${shownAddress(address)}:${bound.port}/`;
    this.#server = server;
    this.signIns = new SignInLimit(clock);
    this.#clock = clock;
    server.on('connection', (connection: Socket) => this.#admit(connection));
    server.on('request', (request, response) => this.#take(request, response));
    server.on('upgrade', (request, socket, head) => {
      // Whoever goes away before there is an answer is no concern of ours.
      socket.on('error', () => socket.destroy());
      if (this.#servant) this.#servant.upgrade(request, head);
      else refuseUpgrade(socket, 503);
    });
  }

  /** Puts somebody behind it; returns the function that takes them away, which resolves when all is answered. */
  serve(servant: Servant): () => Promise<void> {
    this.#servant = servant;
    return async () => {
      if (this.#servant === servant) this.#servant = undefined;
      await this.#answered();
    };
  }

  /** Lets nobody in any more, and resolves when the last one is gone. */
  async close(): Promise<void> {
    this.#servant = undefined;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.#answered();
    // Also those that have yet to say a word.
    for (const connection of this.#connections) connection.destroy();
    await closed;
  }

  #admit(connection: Socket): void {
    const neighbourhood = neighbourhoodOf(connection.remoteAddress ?? '');
    const count = this.#connectionsOf.get(neighbourhood) ?? 0;
    if (count >= mostOfOne && this.trustedProxies.length === 0) return void connection.destroy();
    this.#connectionsOf.set(neighbourhood, count + 1);
    this.#connections.add(connection);
    connection.on('close', () => {
      this.#connections.delete(connection);
      const left = (this.#connectionsOf.get(neighbourhood) ?? 1) - 1;
      if (left > 0) this.#connectionsOf.set(neighbourhood, left);
      else this.#connectionsOf.delete(neighbourhood);
    });
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    this.#inHand.add(response);
    response.on('close', () => this.#inHand.delete(response));
    const [path] = request.url?.split('?', 1) ?? [];
    if (path === '/healthz') answer(response, 200, { alive: true });
    else if (this.#servant) this.#servant.request(request, response);
    else answer(response, 503, { failure: notHere });
  }

  async #answered(): Promise<void> {
    const answered = [...this.#inHand].map((response) => new Promise((resolve) => response.once('close', resolve)));
    const late = Promise.withResolvers<void>();
    const cancel = this.#clock.after(graceMs, late.resolve);
    await Promise.race([Promise.all(answered), late.promise]);
    cancel();
  }
}

/** Whoever would rather speak something else, as HTTP/2, is answered in what they speak. */
const shouldUpgradeCallback = ({ headers: { upgrade } }: IncomingMessage) => upgrade?.toLowerCase() === 'websocket';

const serverOptions = { shouldUpgradeCallback, connectionsCheckingInterval: lookEveryMs };

const { failure: notHere } = fail('unavailable', 'the cloud is not to be had just now', { disposition: 'retry' });

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(status === 503 && { 'Retry-After': '1' }),
  });
  response.end(JSON.stringify(body));
}

function makeTlsServer({ certificate, key }: { certificate: string; key: string }): Server {
  try {
    const pair = { cert: readFileSync(certificate), key: readFileSync(key) };
    return createTlsServer({ ...serverOptions, ...pair, minVersion: 'TLSv1.2' });
  } catch (error) {
    const { message } = error as Error;
    throw fail('invalid_request', `--http-tls-cert and --http-tls-key cannot be used: ${message}`);
  }
}

function listen(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** One that stands for all addresses is none that a browser can go to. */
function shownAddress(address: string): string {
  if (address === '0.0.0.0' || address === '::') return 'localhost';
  return isIPv6(address) ? `[${address}]` : address;
}
