/** The pages of the dashboard, and what every answer tells a browser to refuse. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { startTestRuntimes, type TestRuntimes } from '../support/runtimes.ts';
import { Browser, startTestWeb, type TestWeb } from './support.ts';

let folder: string;
let runtimes: TestRuntimes;
let runtime: Runtime;
let web: TestWeb;
let browser: Browser;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kilonova-pages-'));
  const pages = join(folder, 'pages');
  await mkdir(join(pages, 'assets'), { recursive: true });
  await writeFile(join(pages, 'index.html'), '<!doctype html><title>the page</title>');
  await writeFile(join(pages, 'assets', 'index-4f3a.js'), 'export const hello = 1;');
  await writeFile(join(pages, '.built-of'), 'a stamp');
  await writeFile(join(folder, 'secret'), 'a secret');
  runtimes = await startTestRuntimes();
  runtime = await runtimes.connect();
  web = await startTestWeb(runtime, { pages });
  browser = new Browser(web.origin);
});

afterAll(async () => {
  await web?.stop();
  await runtimes?.stop();
  await rm(folder, { recursive: true, force: true });
});

const page = { accept: 'text/html,application/xhtml+xml' };
const get = (path: string, headers: object = page) => browser.ask(path, { method: 'GET', headers });

it.each(['/', '/instances', '/instances/6f9619ff-8b86-4d01-b42d-00cf4fc96405', '/charts/instance?at=12'])(
  'is there for each place within the dashboard: %s',
  async (path) => {
    const response = await get(path);
    expect(await response.text()).toContain('the page');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(response.headers.get('cache-control')).toBe('no-cache');
  },
);

it('has browsers keep what has a hash in its name, and look again at all else', async () => {
  const response = await get('/assets/index-4f3a.js', {});
  expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  expect(response.headers.get('content-type')).toMatch(/javascript/);
});

it.each([
  ['/assets/missing.js', page],
  ['/api/v1/instance/list', page],
  ['/instances', { accept: 'application/json' }],
  ['/.built-of', {}],
  ['/assets/', {}],
])('is not there for anything else: %s', async (path, headers) => {
  const response = await get(path, headers);
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ failure: { code: 'not_found' } });
});

it.each([
  '/../secret',
  '/assets/../../secret',
  '/%2e%2e/secret',
  '/..%2fsecret',
  '/assets/%2e%2e%2f%2e%2e%2fsecret',
  '/%00',
])('gives out nothing from beside it: %s', async (path) => {
  // As it stands: what asks in its place would tidy the path.
  const answer = await new Promise<string>((resolve, reject) => {
    let text = '';
    const socket = connect(web.door.port, '127.0.0.1', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    );
    socket.on('data', (data) => {
      text += data;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
  expect(answer).toMatch(/^HTTP\/1\.1 40[0-9]/);
  expect(answer).not.toContain('a secret');
});

it('says so when the pages are not built', async () => {
  const other = await startTestWeb(runtime, { pages: join(folder, 'nowhere') });
  onTestFinished(() => other.stop());
  const response = await new Browser(other.origin).ask('/', { method: 'GET', headers: page });
  expect(response.status).toBe(503);
  expect(await response.text()).toContain('are not built');
});

it.each(['/', '/assets/index-4f3a.js', '/assets/missing', '/session', '/readyz', '/%'])(
  'lets a browser take nothing for code but scripts from here: %s',
  async (path) => {
    const { headers } = await get(path);
    const policy = new Map(
      (headers.get('content-security-policy') ?? '').split(';').map((directive) => {
        const [name = '', ...sources] = directive.trim().split(' ');
        return [name, sources] as const;
      }),
    );
    for (const name of ['default-src', 'script-src', 'style-src', 'connect-src']) {
      expect(policy.get(name)).toEqual(["'self'"]);
    }
    for (const name of ['object-src', 'frame-ancestors', 'base-uri', 'script-src-attr']) {
      expect(policy.get(name)).toEqual(["'none'"]);
    }
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'x-frame-options': 'DENY',
    });
    // By plain HTTP a browser is not sent to where nobody is.
    expect(headers.has('strict-transport-security')).toBe(false);
    expect(policy.has('upgrade-insecure-requests')).toBe(false);
    expect(headers.has('access-control-allow-origin')).toBe(false);
    expect(headers.has('x-powered-by')).toBe(false);
  },
);
