/** Signing in and out, and what a page of somebody else cannot do with the cookie. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startWebServer } from '../../actors/web/web-server.ts';
import { api } from '../../transport/messages/api.ts';
import { closeCodes } from '../../transport/messages/web.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { Browser, startTestWeb, type TestWeb } from './support.ts';

let cloud: TestCloud;
let web: TestWeb;

beforeAll(async () => {
  cloud = await startTestCloud({ hosts: [] });
  web = await startTestWeb(cloud.runtime);
});

afterAll(async () => {
  await web?.stop();
  await cloud?.stop();
});

async function signedIn(): Promise<Browser> {
  const browser = new Browser(web.origin);
  expect((await browser.signIn(cloud.token)).status).toBe(200);
  return browser;
}

describe('signing in', () => {
  it('answers who it is, and gives a cookie that no script and no other site can use', async () => {
    const browser = new Browser(web.origin);
    const response = await browser.signIn(cloud.token);
    expect(await response.json()).toMatchObject({
      user: { id: 'admin', name: 'admin' },
      project: { id: 'admin', name: 'admin' },
      roles: ['admin', 'member'],
    });
    const [cookie = '', ...others] = response.headers.getSetCookie();
    expect(others).toEqual([]);
    const flags = cookie.split('; ').slice(1);
    expect(flags).toEqual(expect.arrayContaining(['Path=/', 'HttpOnly', 'SameSite=Strict']));
    expect(flags.some((flag) => flag.startsWith('Expires='))).toBe(true);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it('makes a token of its own, which ends after twelve hours, and does not keep the one that was shown', async () => {
    const browser = await signedIn();
    const secret = browser.cookie.split('=')[1] ?? '';
    expect(secret).not.toBe(cloud.token);
    const { token } = await new ApiClient(cloud.runtime.bus, secret).ask(api.token.get, {});
    const hours = (Date.parse(token.expiresAt ?? '') - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(11.9);
    expect(hours).toBeLessThanOrEqual(12);
  });

  it('refuses a token that is worth nothing, and what is no sign-in', async () => {
    const browser = new Browser(web.origin);
    expect((await browser.signIn('nonsense')).status).toBe(401);
    expect(browser.cookie).toBe('');
    for (const body of [{}, { token: '' }, { token: 'two\nlines' }, { token: 't', more: 1 }, '{"token":', '[]']) {
      expect((await browser.ask('/session', { body })).status).toBe(400);
    }
  });

  it('is refused for a while to who has tried too often, even with what is right', async () => {
    const other = await startTestWeb(cloud.runtime);
    onTestFinished(() => other.stop());
    const browser = new Browser(other.origin);
    for (let tries = 0; tries < 10; tries++) expect((await browser.signIn('nonsense')).status).toBe(401);
    const refused = await browser.signIn(cloud.token);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ failure: { code: 'too_many_requests', disposition: 'retry' } });
  });

  it('is refused to them by the API as well, and in the life after this one', async () => {
    const other = await startTestWeb(cloud.runtime);
    onTestFinished(() => other.stop());
    const browser = new Browser(other.origin);
    let guessed = 0;
    const guess = (headers = {}) =>
      browser.ask('/api/v1/session/create', { body: { user: `nobody ${++guessed}`, password: 'a guess' }, headers });
    const headers = { authorization: 'Bearer nonsense' };
    const guesses = await Promise.all([
      ...Array.from({ length: 8 }, () => guess()),
      ...[1, 2, 3, 4].map(() => guess(headers)),
    ]);
    expect(guesses.filter(({ status }) => status === 429)).toHaveLength(2);
    expect((await browser.signIn(cloud.token)).status).toBe(429);
    await other.part.stop();
    const next = await startWebServer(cloud.runtime, { door: other.door });
    onTestFinished(() => next.stop());
    expect((await guess()).status).toBe(429);
    expect((await browser.signIn(cloud.token)).status).toBe(429);
  });

  it.each(['/session', '/api/v1/session/create'])('at %s counts for nothing when nobody has looked', async (path) => {
    const other = await startTestWeb(cloud.runtime);
    onTestFinished(() => other.stop());
    const browser = new Browser(other.origin);
    const tries = async (times: number) => {
      const statuses: number[] = [];
      const body = { user: `somebody at ${path}`, password: 'a guess' };
      while (statuses.length < times) statuses.push((await browser.ask(path, { body })).status);
      return new Set(statuses);
    };
    expect(await tries(5)).toEqual(new Set([401]));
    expect(await tries(12)).toEqual(new Set([429]));
    const retryAfter = (await browser.ask(path, { body: { user: `somebody at ${path}`, password: 'a guess' } }))
      .headers;
    expect(Number(retryAfter.get('retry-after'))).toBeGreaterThan(30);
    expect((await browser.signIn(cloud.token)).status).toBe(200);
  });

  it('by a password, through the API, counts for nothing when it is right', async () => {
    const [id, password] = ['ann', 'correct horse battery'];
    await cloud.client.ask(api.user.create, { id, name: 'Ann', password });
    await cloud.client.ask(api.user.grant, { id, projectId: 'admin', role: 'reader' });
    const other = await startTestWeb(cloud.runtime);
    onTestFinished(() => other.stop());
    const browser = new Browser(other.origin);
    for (let times = 0; times < 12; times++) await browser.call('session.create', { user: id, password });
  });

  it('anew takes the place of the session that the browser has, which stays when that fails', async () => {
    const browser = await signedIn();
    const before = browser.cookie;
    const look = (cookie: string) => browser.ask('/session', { method: 'GET', headers: { cookie } });
    expect((await browser.ask('/session', { body: { token: 'nonsense' } })).status).toBe(401);
    expect((await look(before)).status).toBe(200);
    const live = await browser.live();
    expect((await browser.signIn(cloud.token)).status).toBe(200);
    expect((await look(before)).status).toBe(401);
    expect((await look(browser.cookie)).status).toBe(200);
    await eventually(() => live.closed?.code === closeCodes.signedOut || undefined);
  });

  it('tells who is signed in, until they sign out', async () => {
    const browser = await signedIn();
    expect(await (await browser.ask('/session', { method: 'GET' })).json()).toMatchObject({ user: { id: 'admin' } });
    const out = await browser.ask('/session', { method: 'DELETE' });
    expect(out.status).toBe(204);
    expect(out.headers.getSetCookie()[0]).toMatch(/=;.*Expires=Thu, 01 Jan 1970/);
    // A copy of the cookie is worth nothing any more.
    expect((await browser.ask('/session', { method: 'GET' })).status).toBe(401);
    expect((await browser.ask('/api/v1/flavor/list', { body: {} })).status).toBe(401);
    expect((await browser.ask('/session', { method: 'DELETE' })).status).toBe(204);
  });
});

describe('a page of somebody else', () => {
  it.each([
    ['another origin', { origin: 'https://evil.example' }],
    ['another port of this machine', { origin: 'http://127.0.0.1:1' }],
    ['an origin that it hides', { origin: 'null' }],
    ['a browser that says that it is another site', { 'sec-fetch-site': 'cross-site' }],
    ['a browser that says nothing', { origin: '' }],
  ])('can do nothing with the cookie: %s', async (_, headers) => {
    const browser = await signedIn();
    for (const [path, method] of [
      ['/api/v1/flavor/list', 'POST'],
      ['/session', 'DELETE'],
      ['/session', 'POST'],
    ] as const) {
      const response = await browser.ask(path, { method, body: {}, headers });
      expect({ path, status: response.status }).toEqual({ path, status: 403 });
    }
    expect((await browser.ask('/api/v1/flavor/list', { body: {} })).status).toBe(200);
  });

  it.each(['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain'])(
    'can send no form that is taken for a request: %s',
    async (type) => {
      const browser = await signedIn();
      const headers = { 'content-type': type };
      expect((await browser.ask('/api/v1/flavor/list', { body: '{}', headers })).status).toBe(415);
    },
  );
});
