/** The port of the web server: who may have it, what it says while nobody stands behind it, and how it ends. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { get as getPlainly } from 'node:http';
import { get } from 'node:https';
import { connect, Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startApiServer } from '../../actors/api/api-server.ts';
import { runCommand } from '../../actors/process/run-command.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import type { Door, DoorOptions } from '../../transport/http/door.ts';
import { startTestRuntimes, type TestRuntimes } from '../support/runtimes.ts';
import { eventually } from '../support/test-cloud.ts';
import { Browser, openTestDoor, startTestWeb } from './support.ts';

let folder: string;
let runtimes: TestRuntimes;
let runtime: Runtime;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kilonova-door-'));
  runtimes = await startTestRuntimes();
  runtime = await runtimes.connect();
});

afterAll(async () => {
  await runtimes?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function openDoor(options: Partial<DoorOptions> = {}): Promise<Door> {
  const door = await openTestDoor(options);
  onTestFinished(() => door.close());
  return door;
}

describe('a port', () => {
  it('that is taken is refused, with how to choose another', async () => {
    const { port } = await openDoor();
    await expect(openDoor({ port })).rejects.toMatchObject({
      failure: { code: 'conflict', message: expect.stringContaining('--http-port'), details: { port } },
    });
  });

  it('of an address that this machine does not have is refused', async () => {
    await expect(openDoor({ address: '192.0.2.1' })).rejects.toMatchObject({ failure: { code: 'invalid_request' } });
  });
});

it('lives before there is a cloud behind it, and says that there is none', async () => {
  const door = await openDoor();
  for (const path of ['healthz', 'healthz?from=balancer']) {
    expect((await fetch(`${door.url}${path}`)).status).toBe(200);
  }
  for (const path of ['', 'readyz', 'session']) {
    const response = await fetch(`${door.url}${path}`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ failure: { code: 'unavailable', disposition: 'retry' } });
  }
});

it('is not shut by all that one address may open', async () => {
  const door = await openDoor();
  const sockets: Socket[] = [];
  onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
  function come(): { socket: Socket; closed: Promise<void> } {
    const socket = connect({ host: '127.0.0.1', port: door.port, localAddress: '127.0.0.2' });
    sockets.push(socket);
    // Whoever is refused may be so by a reset; and only what is read is seen to end.
    socket.on('error', () => undefined).resume();
    return { socket, closed: new Promise((resolve) => socket.once('close', () => resolve())) };
  }
  await Promise.race(Array.from({ length: 1025 }, () => come().closed));
  expect((await fetch(`${door.url}healthz`)).status).toBe(200);
  sockets.find(({ destroyed }) => !destroyed)?.destroy();
  await eventually(() => {
    const { socket, closed } = come();
    socket.write('GET /healthz HTTP/1.1\r\nHost: door\r\n\r\n');
    return Promise.race([new Promise<true>((resolve) => socket.once('data', () => resolve(true))), closed]);
  });
});

it('answers whoever would rather speak HTTP/2 in HTTP/1.1', async () => {
  const door = await openDoor();
  const asked = getPlainly(`${door.url}healthz`, {
    headers: { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c' },
  });
  const [response] = await once(asked, 'response');
  expect(response.statusCode).toBe(200);
  response.resume();
});

it('stays open when somebody cannot be let in, and tells why', async () => {
  const listening = vi.spyOn(Server.prototype, 'listen');
  const told: Error[] = [];
  const door = await openDoor({ onError: (error) => told.push(error) });
  const [server] = listening.mock.contexts as Server[];
  listening.mockRestore();
  const tooMany = new Error('accept EMFILE');
  server?.emit('error', tooMany);
  expect(told).toEqual([tooMany]);
  expect((await fetch(`${door.url}healthz`)).status).toBe(200);
});

it('answers what was asked before it ends, and nobody after', async () => {
  const door = await openDoor();
  const asked = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  door.serve({
    async request(_, response) {
      asked.resolve();
      await goOn.promise;
      response.end('the answer');
    },
    upgrade: () => undefined,
  });
  const answer = fetch(door.url).then((response) => response.text());
  await asked.promise;
  const closed = door.close();
  await eventually(() =>
    fetch(door.url).then(
      () => undefined,
      () => true,
    ),
  );
  goOn.resolve();
  expect(await answer).toBe('the answer');
  await closed;
});

it('is not kept open by whoever does not go', async () => {
  const web = await startTestWeb(runtime);
  const socket = new WebSocket(`${web.door.url.replace('http', 'ws')}live`);
  await once(socket, 'error');
  const idle = await fetch(`${web.door.url}healthz`);
  await idle.text();
  await web.stop();
  await expect(fetch(web.door.url)).rejects.toThrow();
});

it('is ready when an API server answers and what happens is followed', async () => {
  const web = await startTestWeb(runtime);
  onTestFinished(() => web.stop());
  const browser = new Browser(web.origin);
  const ready = () => browser.ask('/readyz', { method: 'GET' });
  const alone = await eventually(async () => {
    const { reasons } = (await (await ready()).json()) as { reasons: string[] };
    return reasons.length === 1 ? reasons : undefined;
  });
  expect(alone).toEqual(['no API server answers']);
  const server = await startApiServer(runtime);
  onTestFinished(() => server.stop());
  await eventually(async () => (await ready()).ok || undefined);
  await web.part.stop();
  expect((await ready()).status).toBe(503);
  expect((await browser.ask('/healthz', { method: 'GET' })).status).toBe(200);
});

describe('with a certificate', () => {
  const files = () => ({ certificate: join(folder, 'web.pem'), key: join(folder, 'web.key') });

  beforeAll(async () => {
    const { certificate, key } = files();
    const subject = ['-subj', '/CN=web', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const pair = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key];
    await runCommand('openssl', ['req', '-x509', '-days', '2', ...pair, ...subject, '-out', certificate]);
  });

  it('encrypts, and binds cookie and browser to that', async () => {
    const web = await startTestWeb(runtime, { door: { tls: files() } });
    onTestFinished(() => web.stop());
    expect(web.door.url).toMatch(/^https:/);
    const [response] = await once(
      get(`${web.door.url}readyz`, { ca: await readFile(files().certificate) }),
      'response',
    );
    expect(response.headers['strict-transport-security']).toBe('max-age=31536000');
    response.destroy();
  });

  it('that is none is refused', async () => {
    await writeFile(join(folder, 'none.pem'), 'nonsense');
    const nonsense = { ...files(), certificate: join(folder, 'none.pem') };
    await expect(openDoor({ tls: nonsense })).rejects.toMatchObject({ failure: { code: 'invalid_request' } });
    const missing = { ...files(), key: join(folder, 'missing') };
    await expect(openDoor({ tls: missing })).rejects.toMatchObject({ failure: { code: 'invalid_request' } });
  });
});
