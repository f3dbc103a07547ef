/** A cloud with a web server, and a browser's side of it: plain requests with a cookie, and sockets. */
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { Part, Runtime } from '../../actors/runtime/runtime.ts';
import { startWebServer, type WebOptions } from '../../actors/web/web-server.ts';
import { systemClock } from '../../transport/clock.ts';
import { Door, type DoorOptions } from '../../transport/http/door.ts';
import type { LiveFrame, SignIn } from '../../transport/messages/web.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

export interface TestWeb {
  /** Without a slash at its end: what a browser says of its pages. */
  origin: string;
  door: Door;
  part: Part;
  stop(): Promise<void>;
}

/** What hinders it fails the test, unless the test wants to know. */
export function openTestDoor(options: Partial<DoorOptions> = {}): Promise<Door> {
  const onError = (error: Error) => {
    throw error;
  };
  return Door.open({ address: '127.0.0.1', port: 0, clock: systemClock, onError, ...options });
}

export async function startTestWeb(
  runtime: Runtime,
  { door: doorOptions = {}, ...options }: { door?: Partial<DoorOptions> } & Partial<Omit<WebOptions, 'door'>> = {},
): Promise<TestWeb> {
  const door = await openTestDoor(doorOptions);
  const part = await startWebServer(runtime, { ...options, door });
  return {
    origin: new URL(door.url).origin,
    door,
    part,
    async stop() {
      await part.stop();
      await door.close();
    },
  };
}

export interface WebCloud {
  cloud: TestCloud;
  web: TestWeb;
  /** The administrator's. */
  admin: Browser;
  stop(): Promise<void>;
}

/** A whole cloud with its web server, whose administrator is signed in. */
export async function startWebCloud(options: Parameters<typeof startTestCloud>[0] = {}): Promise<WebCloud> {
  const cloud = await startTestCloud(options);
  let web: TestWeb | undefined;
  async function stop() {
    await web?.stop();
    await cloud.stop();
  }
  try {
    web = await startTestWeb(cloud.runtime);
    const admin = new Browser(web.origin);
    await admin.signIn(cloud.token);
    return { cloud, web, admin, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Somebody's browser, as far as a server can tell. */
export class Browser {
  readonly #origin: string;
  cookie = '';

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** As a page of the server's own asks. */
  ask(
    path: string,
    { method = 'POST', body, headers = {} }: { method?: string; body?: unknown; headers?: object } = {},
  ) {
    return fetch(`${this.#origin}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(method !== 'GET' && { origin: this.#origin }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(this.cookie && { cookie: this.cookie }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  }

  /** By a token, or as whoever knows a password. */
  async signIn(proof: string | SignIn): Promise<Response> {
    const response = await this.ask('/session', { body: typeof proof === 'string' ? { token: proof } : proof });
    const [cookie = ''] = response.headers.getSetCookie();
    this.cookie = cookie.split(';')[0] ?? '';
    return response;
  }

  async call<Reply>(endpoint: string, body: unknown = {}): Promise<Reply> {
    const response = await this.ask(`/api/v1/${endpoint.replace('.', '/')}`, { body });
    if (!response.ok) throw new Error(`${endpoint}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Reply;
  }

  open(path: string, headers: Record<string, string> = {}): WebSocket {
    const url = `${this.#origin.replace('http', 'ws')}${path}`;
    const socket = new WebSocket(url, { headers: { origin: this.#origin, cookie: this.cookie, ...headers } });
    onTestFinished(() => socket.terminate());
    return socket;
  }

  /** Resolves when it is open. */
  async live(query = ''): Promise<Live> {
    const live = new Live(this.open(`/live${query}`));
    await live.until(({ type }) => type === 'hello');
    return live;
  }
}

/** What came on `/live`. */
export class Live {
  readonly socket: WebSocket;
  readonly frames: LiveFrame[] = [];
  closed: { code: number; reason: string } | undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => this.frames.push(JSON.parse(String(data))));
    socket.on('error', () => undefined);
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) };
    });
  }

  get entries() {
    return this.frames.flatMap((frame) => (frame.type === 'facts' ? frame.entries : []));
  }

  get hello() {
    const frame = this.frames.find(({ type }) => type === 'hello');
    if (frame?.type !== 'hello') throw new Error('nobody has said hello');
    return frame;
  }

  until(is: (frame: LiveFrame) => boolean): Promise<LiveFrame> {
    return eventually(() => this.frames.find(is));
  }

  /** Resolves when it has heard of the instance that it came to that state. */
  untilState(uuid: string, state: string): Promise<unknown> {
    return eventually(() =>
      this.entries.find(({ kind, fact }) => kind === 'instance' && fact.uuid === uuid && fact.to === state),
    );
  }
}

/** The status with which a socket was refused. */
export function refusedWith(socket: WebSocket): Promise<number> {
  return new Promise((resolve, reject) => {
    socket.on('unexpected-response', (request, response) => {
      resolve(response.statusCode ?? 0);
      request.destroy();
    });
    socket.on('open', () => reject(new Error('it was let in')));
    socket.on('error', () => undefined);
  });
}
