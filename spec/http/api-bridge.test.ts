/** The API over HTTP: the same requests, the same answers, and statuses that say the same. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maxChunkBytes } from '../../transport/messages/api/image.ts';
import type { TestCloud } from '../support/test-cloud.ts';
import { Browser, startWebCloud, type TestWeb, type WebCloud } from './support.ts';

const password = 'correct horse battery';
let folder: string;
let logFile: string;
let world: WebCloud;
let cloud: TestCloud;
let web: TestWeb;
let browser: Browser;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kilonova-http-'));
  logFile = join(folder, 'log');
  world = await startWebCloud({ logFile });
  ({ cloud, web, admin: browser } = world);
});

afterAll(async () => {
  await world?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function statusOf(endpoint: string, body: unknown = {}, headers: object = {}) {
  const response = await browser.ask(`/api/v1/${endpoint}`, { body, headers });
  const { failure } = (await response.json()) as { failure?: { code: string } };
  return { status: response.status, code: failure?.code };
}

describe('an answer', () => {
  it('is that of the API', async () => {
    const { instances } = await browser.call<{ instances: { uuid: string }[] }>('instance.create', {
      name: 'by http',
      image: 'simulated',
      flavor: 'm1.micro',
    });
    const uuid = instances[0]?.uuid ?? '';
    await cloud.until(uuid, ({ vmState }) => vmState === 'active');
    expect(await browser.call('instance.get', { uuid })).toMatchObject({ instance: { uuid, name: 'by http' } });
  });

  it('is given to as much as the API takes', async () => {
    const bytes = randomBytes(maxChunkBytes);
    const disk = { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
    const request = { name: 'uploaded', diskFormat: 'raw', disk };
    const { image } = await browser.call<{ image: { id: string } }>('image.create', request);
    await browser.call('image.upload', { image: image.id, file: 'disk', offset: 0, data: bytes.toString('base64') });
    expect(await browser.call('image.finish', { image: image.id })).toMatchObject({
      image: { status: 'active', disk },
    });
  });

  it('carries the id of the request and its trace, also where they were given', async () => {
    const requestId = 'req-6f9619ff-8b86-4d01-b42d-00cf4fc96405';
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const headers = { 'x-request-id': requestId, traceparent };
    const response = await browser.ask('/api/v1/instance/get', { body: { uuid: 'none' }, headers });
    expect(await response.json()).toMatchObject({ requestId });
    expect(response.headers.get('x-request-id')).toBe(requestId);
    expect(response.headers.get('traceparent')).toBe(traceparent);
    const other = await browser.ask('/api/v1/flavor/list', { body: {}, headers: { 'x-request-id': 'nonsense' } });
    expect(other.headers.get('x-request-id')).toMatch(/^req-[0-9a-f-]{36}$/);
  });

  it.each(['%', '%E0%A4%A', 'api/v1/%ff/list', `api/v1/${'a'.repeat(200)}/list`])(
    'says who asks for /%s that it is not there',
    async (path) => {
      const response = await browser.ask(`/${path}`, { method: path.startsWith('api') ? 'POST' : 'GET' });
      expect(response.status).toBe(404);
      const requestId = response.headers.get('x-request-id');
      expect(await response.json()).toMatchObject({ failure: { code: 'not_found' }, requestId });
    },
  );

  it('is given to a program with a token in a header, whatever page it says it is', async () => {
    const headers = { authorization: `Bearer ${cloud.token}`, origin: 'https://evil.example', cookie: '' };
    expect(await statusOf('flavor/list', {}, headers)).toEqual({ status: 200, code: undefined });
    expect(await statusOf('flavor/list', {}, { authorization: 'Basic eDp5' })).toEqual({
      status: 401,
      code: 'unauthenticated',
    });
  });

  it('is given to anybody, of what anybody may ask', async () => {
    const stranger = new Browser(web.origin);
    expect((await stranger.ask('/api/v1/schema/list', { body: {} })).status).toBe(200);
    expect((await stranger.ask('/api/v1/flavor/list', { body: {} })).status).toBe(401);
  });

  it('of whoever may sign in by a password is that they are signed in', async () => {
    await browser.call('user.create', { id: 'ann', name: 'Ann', password });
    await browser.call('project.create', { id: 'shop', name: 'Shop' });
    await browser.call('user.grant', { id: 'ann', projectId: 'shop', role: 'reader' });
    const ann = new Browser(web.origin);
    expect((await ann.signIn({ user: 'ann', password: 'a wrong one' })).status).toBe(401);
    const response = await ann.signIn({ user: 'ann', password });
    expect(await response.json()).toMatchObject({ user: { name: 'Ann' }, project: { id: 'shop' }, roles: ['reader'] });
    expect((await ann.ask('/api/v1/instance/create', { body: {} })).status).toBe(403);
    expect((await ann.ask('/api/v1/host/list', { body: {} })).status).toBe(403);
  });
});

describe('a refusal', () => {
  it.each([
    ['instance/get', { uuid: 'none' }, 400, 'invalid_request'],
    ['instance/get', { uuid: '6f9619ff-8b86-4d01-b42d-00cf4fc96405' }, 404, 'not_found'],
    ['user/create', { id: 'admin', name: 'another' }, 409, 'already_exists'],
    [
      'instance/create',
      { name: 'many', image: 'simulated', flavor: 'm1.micro', minCount: 1000 },
      400,
      'invalid_request',
    ],
    ['flavor/list', '{"limit":', 400, 'invalid_request'],
    ['flavor/list', '[]', 400, 'invalid_request'],
    ['flavor/nonsense', {}, 404, 'not_found'],
    ['nonsense/list', {}, 404, 'not_found'],
    ['__proto__/constructor', {}, 404, 'not_found'],
    ['flavor', {}, 404, 'not_found'],
    ['flavor/list/more', {}, 404, 'not_found'],
    ['flavor/%2e%2e%2flist', {}, 404, 'not_found'],
    ['flavor/list.>', {}, 404, 'not_found'],
  ])('has the status that says the same: %s %j', async (endpoint, body, status, code) => {
    expect(await statusOf(endpoint, body)).toEqual({ status, code });
  });

  it('names an endpoint that is not there', async () => {
    const response = await browser.ask('/api/v1/flavor/nonsense', { body: {} });
    expect(await response.text()).toContain('flavor.nonsense');
  });

  it('comes for what is too large, for an endpoint or for any', async () => {
    const large = JSON.stringify({ name: 'x'.repeat(600 * 1024) });
    expect(await statusOf('instance/list', large)).toEqual({ status: 400, code: 'invalid_request' });
    const response = await browser
      .ask('/api/v1/instance/list', { body: 'x'.repeat(2 * 1024 * 1024) })
      .catch(() => undefined);
    // It may have closed the connection before all was sent.
    expect([undefined, 413]).toContain(response?.status);
  });

  it('comes for what is no HTTP, and leaves the server as it was', async () => {
    const { port } = web.door;
    for (const bytes of [
      '\x16\x03\x01\x02\x00',
      'GET / HTTP/9.9\r\n\r\n',
      `GET / HTTP/1.1\r\nA: ${'b'.repeat(100_000)}\r\n\r\n`,
    ]) {
      const answer = await new Promise<string>((resolve) => {
        let text = '';
        const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
        socket.on('data', (data) => {
          text += data;
        });
        socket.on('error', () => resolve(text));
        socket.on('close', () => resolve(text));
      });
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d/);
    }
    expect((await browser.ask('/healthz', { method: 'GET' })).status).toBe(200);
  });
});

it('writes no token, password or cookie into the log, at any level', async () => {
  await browser.ask('/api/v1/flavor/list', { body: { password } });
  await browser.ask(`/instances/${browser.cookie.split('=')[1]}`, { method: 'GET' });
  const log = await readFile(logFile, 'utf8');
  for (const secret of [cloud.token, password, browser.cookie.split('=')[1] ?? '']) expect(log).not.toContain(secret);
});
