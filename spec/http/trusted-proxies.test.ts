/** What a reverse proxy says of whoever asks by it: believed of one that is trusted, and of nobody else. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../transport/clock.ts';
import { addressesIn } from '../../transport/http/forwarded-for.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { Browser, refusedWith, startTestWeb } from './support.ts';

let cloud: TestCloud;

beforeAll(async () => {
  cloud = await startTestCloud({ hosts: [] });
});

afterAll(() => cloud?.stop());

/** Nobody’s tries to sign in are forgotten while a test counts them. */
const frozenClock: Clock = { ...systemClock, now: () => 1_767_225_600_000 };

/** Browsers whose requests come from the loopback address. */
async function startWeb(...trustedProxies: string[]): Promise<() => Browser> {
  const web = await startTestWeb(cloud.runtime, { door: { trustedProxies, clock: frozenClock } });
  onTestFinished(() => web.stop());
  return () => new Browser(web.origin);
}

/** What a proxy that ends TLS adds to what a page of `origin` asks. */
const passedOn = (origin = 'https://cloud.example', address = '192.0.2.1') => ({
  origin,
  'x-forwarded-for': address,
  'x-forwarded-host': 'cloud.example',
  'x-forwarded-proto': 'https',
});

const signIn = (browser: Browser, headers: object, token = cloud.token) =>
  browser.ask('/session', { body: { token }, headers });

describe('a proxy that is trusted', () => {
  it('has each browser behind it have a limit of its own, whatever that says of itself', async () => {
    const browser = (await startWeb('127.0.0.1'))();
    for (let tries = 0; tries < 10; tries++) {
      const claimed = `198.51.100.${tries}, 192.0.2.1`;
      expect((await signIn(browser, passedOn(undefined, claimed), 'nonsense')).status).toBe(401);
    }
    const refused = (address: string) => signIn(browser, passedOn(undefined, address)).then(({ status }) => status);
    expect(await refused('192.0.2.1')).toBe(429);
    expect(await refused('192.0.2.1, 127.0.0.1')).toBe(429);
    expect(await refused('192.0.2.2')).toBe(200);
  });

  it('may tell the port too, and is not believed whom it cannot name', async () => {
    const browser = (await startWeb('127.0.0.1', '192.0.2.64'))();
    const tryFrom = (address: string) =>
      signIn(browser, passedOn(undefined, address), 'nonsense').then(({ status }) => status);
    const from: ((port: number) => string)[] = [
      (port) => `192.0.2.1:${port}`,
      (port) => `[2001:db8::${port}]:${port}`,
      (port) => `198.51.100.1, 192.0.2.64:${port}`,
      (port) => `192.0.2.${port}, unknown`,
    ];
    for (const address of from) {
      for (let port = 1; port <= 10; port++) expect(await tryFrom(address(port))).toBe(401);
      expect(await tryFrom(address(11))).toBe(429);
    }
    // Of the proxy itself.
    expect(await tryFrom('')).toBe(429);
    expect(await tryFrom('2001:db8::1')).toBe(429);
    expect(await tryFrom('198.51.100.1, 192.0.2.2')).toBe(401);
  });

  it('that ends TLS has the cookie and the browser bound to that', async () => {
    const newBrowser = await startWeb('127.0.0.0/8', '::1');
    const [browser, plain] = [newBrowser(), newBrowser()];
    const response = await signIn(browser, passedOn());
    expect(response.status).toBe(200);
    expect(response.headers.get('strict-transport-security')).toBe('max-age=31536000');
    const [cookie = ''] = response.headers.getSetCookie();
    expect(cookie).toMatch(/^__Host-kilonova-\d+=.*; Secure/);
    browser.cookie = cookie.split(';')[0] ?? '';
    expect((await browser.ask('/api/v1/flavor/list', { body: {}, headers: passedOn() })).status).toBe(200);
    const out = await browser.ask('/session', { method: 'DELETE', headers: passedOn() });
    expect(out.headers.getSetCookie()[0]).toMatch(/^__Host-kilonova-\d+=;.*; Secure/);
    const unencrypted = await plain.signIn(cloud.token);
    expect(unencrypted.headers.getSetCookie()[0]).toMatch(/^kilonova-\d+=(?!.*Secure)/);
    expect(unencrypted.headers.has('strict-transport-security')).toBe(false);
  });

  it('has every web server behind it know the browsers that signed in at another', async () => {
    const [here, there] = [(await startWeb('127.0.0.1'))(), (await startWeb('127.0.0.1'))()];
    const [cookie = ''] = (await signIn(here, passedOn())).headers.getSetCookie();
    expect(cookie).toMatch(/^__Host-kilonova-443=/);
    there.cookie = cookie.split(';')[0] ?? '';
    expect((await there.ask('/session', { method: 'GET', headers: passedOn() })).status).toBe(200);
    const elsewhere = { ...passedOn('https://cloud.example:8443'), 'x-forwarded-host': 'cloud.example:8443' };
    expect((await there.ask('/session', { method: 'GET', headers: elsewhere })).status).toBe(401);
    expect((await signIn(here, elsewhere)).headers.getSetCookie()[0]).toMatch(/^__Host-kilonova-8443=/);
  });

  it('says whose pages are ours, of requests and of WebSockets', async () => {
    const browser = (await startWeb('127.0.0.1'))();
    const [cookie = ''] = (await signIn(browser, passedOn())).headers.getSetCookie();
    browser.cookie = cookie.split(';')[0] ?? '';
    for (const origin of ['http://cloud.example', 'https://cloud.example:444', 'https://evil.example']) {
      expect((await signIn(browser, passedOn(origin))).status).toBe(403);
      expect(await refusedWith(browser.open('/live', passedOn(origin)))).toBe(403);
    }
    // The scheme as some proxies tell it of WebSockets.
    for (const scheme of ['https', 'wss']) {
      const socket = browser.open('/live', { ...passedOn(), 'x-forwarded-proto': scheme });
      await eventually(() => socket.readyState === socket.OPEN || undefined);
    }
  });
});

describe('whoever is not trusted', () => {
  it('is not believed whom they ask for', async () => {
    const browser = (await startWeb('192.0.2.0/24'))();
    const { origin, ...claimed } = passedOn();
    for (let tries = 0; tries < 10; tries++) {
      const headers = { ...claimed, 'x-forwarded-for': `192.0.2.${tries}` };
      expect((await signIn(browser, headers, 'nonsense')).status).toBe(401);
    }
    expect((await signIn(browser, claimed)).status).toBe(429);
  });

  it('is not believed where they are, of requests and of WebSockets', async () => {
    const browser = (await startWeb())();
    const { origin, ...claimed } = passedOn();
    const response = await signIn(browser, claimed);
    expect(response.status).toBe(200);
    expect(response.headers.has('strict-transport-security')).toBe(false);
    const [cookie = ''] = response.headers.getSetCookie();
    expect(cookie).toMatch(/^kilonova-\d+=(?!.*Secure)/);
    browser.cookie = cookie.split(';')[0] ?? '';
    expect((await signIn(browser, passedOn())).status).toBe(403);
    expect(await refusedWith(browser.open('/live', passedOn()))).toBe(403);
    const socket = browser.open('/live', claimed);
    await eventually(() => socket.readyState === socket.OPEN || undefined);
  });
});

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['192.0.2.1:5678, [2001:db8::1]:443', '192.0.2.1, 2001:db8::1'],
  ['[::1] ,, ::ffff:192.0.2.1', '::1, ::ffff:192.0.2.1'],
  ['192.0.2.1, unknown, 192.0.2.2', '192.0.2.2'],
  ['192.0.2.1, 2001:db8::1:443:1:2:3:4:5', ''],
  ['192.0.2.256:1, 192.0.2.2', '192.0.2.2'],
  ['[192.0.2.1]:80', ''],
  [' ', ''],
])('in %j there are the addresses %j', (list, addresses) => {
  expect(addressesIn(list)).toBe(addresses);
});
