/** The console of a guest, from a browser to a simulated hypervisor: whose it is, and how it ends. */
import { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Consoles } from '../../actors/compute/consoles.ts';
import type { Part, Runtime } from '../../actors/runtime/runtime.ts';
import { systemClock } from '../../transport/clock.ts';
import { api } from '../../transport/messages/api.ts';
import type { ApiClient } from '../../transport/nats/api-client.ts';
import { Browser, refusedWith, startTestWeb, type TestWeb } from '../http/support.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { ConsoleClient, standstill, tokenFor } from './console-client.ts';

let cloud: TestCloud;
/** Of the web server, which has a connection of its own. */
let webRuntime: Runtime;
let web: TestWeb;
let admin: Browser;

beforeAll(async () => {
  cloud = await startTestCloud();
  await cloud.client.ask(api.quota.set, { projectId: 'admin', instances: 100, vcpus: 100, memoryMb: 100_000 });
  webRuntime = await cloud.connect();
  web = await startTestWeb(webRuntime);
  admin = await browserOf(cloud.client);
});

afterAll(async () => {
  await web?.stop();
  await cloud?.stop();
});

async function browserOf(client: ApiClient, { origin } = web): Promise<Browser> {
  const { secret } = await client.ask(api.token.create, {});
  const browser = new Browser(origin);
  await browser.signIn(secret);
  return browser;
}

async function launch(client = cloud.client, zone?: string): Promise<string> {
  const { uuid } = await cloud.create(zone ? { availabilityZone: zone } : {}, client);
  await cloud.until(uuid, ({ state }) => state === 'running');
  return uuid;
}

async function openConsole(uuid: string, browser = admin): Promise<ConsoleClient> {
  return new ConsoleClient(browser, await tokenFor(cloud.client, uuid)).ready();
}

/** A guest of the test's own, which says nothing; `hears` is called with what is typed. */
async function guestThat(hears: (typed: Buffer, done: () => void) => void) {
  const uuid = await launch();
  const { instance } = await cloud.client.ask(api.instance.get, { uuid });
  const hypervisor = cloud.hypervisors.get(instance.host ?? '');
  if (!hypervisor) throw new Error('there is no host');
  const stream = new Duplex({ read: () => undefined, write: (typed, _, done) => hears(typed, done) });
  vi.spyOn(hypervisor, 'openConsole').mockResolvedValueOnce(stream);
  return { uuid, stream };
}

describe('a serial console', () => {
  it('shows what the guest writes, and is typed at', async () => {
    const { uuid, hostname } = await cloud.create({ name: 'Typed At' });
    await cloud.until(uuid, ({ state }) => state === 'running');
    const console = await openConsole(uuid);
    expect(console.notices).toEqual([{ type: 'ready', kind: 'serial' }]);
    await console.until(/simulated.*\/ # /s);
    console.type('hostname\r');
    await console.until(new RegExp(`hostname\\r\\n${hostname}\\r\\n/ # `));
    // More than is under way at a time.
    const words = 'x'.repeat(1_000);
    for (let line = 0; line < 400; line += 1) console.type(`echo ${words}\r`);
    await eventually(() => console.received > 800_000 || undefined);
    console.socket.close();
  });

  it('goes to whoever opens it later', async () => {
    const uuid = await launch();
    const [first, second] = [await openConsole(uuid), await openConsole(uuid)];
    expect(await first.ended()).toMatchObject({ code: 'conflict', message: expect.stringContaining('elsewhere') });
    second.type('uname\r');
    await second.until(/Linux/);
  });

  it('ends when the guest is switched off, and when it is deleted; while it is off there is none', async () => {
    const uuid = await launch();
    const first = await openConsole(uuid);
    await cloud.client.ask(api.instance.stop, { uuid });
    expect(await first.ended()).toMatchObject({ code: 'conflict', message: expect.stringContaining('off') });
    await cloud.until(uuid, ({ state }) => state === 'stopped');
    await expect(tokenFor(cloud.client, uuid)).rejects.toMatchObject({ failure: { code: 'conflict' } });
    await cloud.client.ask(api.instance.start, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'running');
    const second = await openConsole(uuid);
    await cloud.client.ask(api.instance.delete, { uuid });
    expect(await second.ended()).toMatchObject({ code: 'conflict' });
  });

  it('goes on over a soft reboot', async () => {
    const uuid = await launch();
    const console = await openConsole(uuid);
    await cloud.client.ask(api.instance.reboot, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'running');
    console.type('uname\r');
    await console.until(/Linux/);
  });

  it('breaks when the hypervisor is lost, and can be opened again when it is back', async () => {
    await cloud.addHost({ name: 'host2', zone: 'east' });
    const uuid = await launch(cloud.client, 'east');
    const console = await openConsole(uuid);
    const hypervisor = cloud.hypervisors.get('host2');
    hypervisor?.loseConnection();
    expect(await console.ended()).toMatchObject({ code: 'hypervisor_unavailable', disposition: 'retry' });
    hypervisor?.restoreConnection();
    await eventually(() => openConsole(uuid).catch(() => undefined));
  });

  it('goes on when NATS was away for a moment, or says that something was lost', async () => {
    const uuid = await launch();
    const console = await openConsole(uuid);
    console.type('uname\r');
    await console.until(/Linux/);
    await cloud.nats.kill();
    await cloud.nats.startAgain();
    console.type('hostname\r');
    const isOver = () => console.closeCode !== undefined || /hostname\r\n\S+\r\n/.test(console.text);
    await eventually(() => isOver() || undefined);
    if (console.closeCode !== undefined) expect(await console.ended()).toMatchObject({ code: 'unavailable' });
  });

  it('ends with its host, of which there is none to be had then', async () => {
    const host: Part = await cloud.addHost({ name: 'host3', zone: 'west' });
    const uuid = await launch(cloud.client, 'west');
    const console = await openConsole(uuid);
    const token = await tokenFor(cloud.client, uuid);
    await host.stop();
    expect(await console.ended()).toMatchObject({ code: 'unavailable', message: expect.stringContaining('host') });
    await expect(tokenFor(cloud.client, uuid)).rejects.toMatchObject({ failure: { code: 'unavailable' } });
    expect(await new ConsoleClient(admin, token).ended()).toMatchObject({ code: 'unavailable' });
  });
});

describe('a guest that never stops writing', () => {
  it('is stopped by a browser that does not read, and goes on when it does', async () => {
    const uuid = await launch();
    const console = await openConsole(uuid);
    const { connection } = webRuntime.bus.nats;
    console.type('yes\r');
    await console.until(/y\r\ny\r\n/);
    console.socket.pause();
    const carried = () => connection.stats().inBytes;
    const start = carried();
    // What stands still has filled the buffers of the sockets on the way, and nothing else.
    const stood = await standstill(carried);
    expect(stood - start).toBeLessThan(24 * 1024 * 1024);
    console.socket.resume();
    await eventually(() => carried() - stood > 1024 * 1024 || undefined);
    console.type('\u0003');
    await console.until(/\^C\r\n\/ # $/);
  });
});

describe('a guest that does not read', () => {
  it('keeps whoever types waiting, who is there all the while', async () => {
    const pings: (() => void)[] = [];
    const after = (ms: number, then: () => void) => {
      if (ms !== 25_000) return systemClock.after(ms, then);
      pings.push(then);
      return () => undefined;
    };
    const patient = await startTestWeb({ ...webRuntime, clock: { ...systemClock, after } });
    onTestFinished(() => patient.stop());
    const ping = async () => (await eventually(() => pings.shift()))();

    const waiting: (() => void)[] = [];
    let [heard, reads] = [0, false];
    const { uuid, stream } = await guestThat((typed, done) => {
      heard += typed.length;
      if (reads) done();
      else waiting.push(done);
    });
    const console = await openConsole(uuid, await browserOf(cloud.client, patient));
    const [piece, pieces] = [Buffer.alloc(32 * 1024, 'x'), 512];
    for (let count = 0; count < pieces; count += 1) console.type(piece);
    expect(await standstill(() => console.socket.bufferedAmount)).toBeGreaterThan(0);
    for (let count = 0; count < 4; count += 1) await ping();
    reads = true;
    for (const done of waiting) done();
    await eventually(() => heard === pieces * piece.length || undefined);

    // Whoever is read, and is not heard of, is gone.
    console.socket.pause();
    for (let count = 0; count < 3; count += 1) await ping();
    await eventually(() => stream.destroyed || undefined);
  });
});

describe('whoever has signed out', () => {
  it('types nothing more, and is not waited for', async () => {
    let heard = '';
    const { uuid, stream } = await guestThat((typed, done) => {
      heard += typed;
      done();
    });
    const browser = await browserOf(cloud.client);
    const console = await openConsole(uuid, browser);
    console.type('before');
    await eventually(() => heard === 'before' || undefined);
    // It does not take note of the end.
    console.socket.pause();
    await browser.ask('/session', { method: 'DELETE' });
    console.type('after');
    await eventually(() => stream.destroyed || undefined);
    expect(heard).toBe('before');
  });
});

describe('a screen', () => {
  it('is refused where there is none', async () => {
    const token = await tokenFor(cloud.client, await launch(), 'vnc');
    expect(await new ConsoleClient(admin, token).ended()).toMatchObject({ code: 'unsupported' });
  });
});

describe('the token of a console', () => {
  it('is worth something once', async () => {
    const token = await tokenFor(cloud.client, await launch());
    const first = await new ConsoleClient(admin, token).ready();
    expect(await new ConsoleClient(admin, token).ended()).toMatchObject({ code: 'forbidden' });
    first.type('uname\r');
    await first.until(/Linux/);
  });

  it('is worth nothing after half a minute, and an older one nothing when many are out', async () => {
    const clock = { ...systemClock, aheadMs: 0, now: () => systemClock.now() + clock.aheadMs };
    const uuid = await launch();
    const { instance } = await cloud.client.ask(api.instance.get, { uuid });
    const hypervisor = cloud.hypervisors.get(instance.host ?? '');
    if (!hypervisor) throw new Error('there is no host');
    const consoles = new Consoles({ ...cloud.runtime, name: 'other', hypervisor, clock });
    const inbox = cloud.runtime.bus.newInbox();
    const offer = async () => (await consoles.offer({ uuid, kind: 'serial' }, undefined)).token;
    const attach = (token: string) => consoles.attach({ token, inbox });
    const forbidden = { failure: { code: 'forbidden' } };

    const late = await offer();
    clock.aheadMs = 30_001;
    await expect(attach(late)).rejects.toMatchObject(forbidden);
    const tokens = [];
    for (let count = 0; count < 9; count += 1) tokens.push(await offer());
    await expect(attach(tokens[0] ?? '')).rejects.toMatchObject(forbidden);
    expect(await attach(tokens[1] ?? '')).toMatchObject({ kind: 'serial' });
    await expect(consoles.attach({ token: tokens[2] ?? '', inbox: 'cloud.fact.alarm.console' })).rejects.toMatchObject({
      failure: { code: 'invalid_request' },
    });
    await consoles.stop();
  });

  it('is not given for another project’s instance, nor to who may only look', async () => {
    const uuid = await launch();
    const [stranger, reader] = [await cloud.createUser('strangers'), await cloud.createUser('admin', ['reader'])];
    await expect(tokenFor(stranger, uuid)).rejects.toMatchObject({ failure: { code: 'not_found' } });
    await expect(tokenFor(reader, uuid)).rejects.toMatchObject({ failure: { code: 'forbidden' } });
  });

  it.each([
    ['of a host that is not there', 'nobody.AAAA', 'unavailable'],
    ['that was never given', 'host1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', 'forbidden'],
    ['that is none', '../../etc', 'invalid_request'],
  ])('%s opens nothing', async (_, token, code) => {
    expect(await new ConsoleClient(admin, token).ended()).toMatchObject({ code });
  });

  it('opens nothing for whoever is not signed in', async () => {
    expect(await refusedWith(new Browser(web.origin).open('/console'))).toBe(401);
  });
});
