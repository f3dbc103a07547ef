/** What browsers hear of what happens: all of it, in order, and nobody what is another project's. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { api } from '../../transport/messages/api.ts';
import { facts, type InstanceFact } from '../../transport/messages/internal.ts';
import { closeCodes, stillEveryMs } from '../../transport/messages/web.ts';
import type { ApiClient } from '../../transport/nats/api-client.ts';
import { publishFact } from '../../transport/nats/fact.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { readGolden } from '../messages/golden.ts';
import { HeldClock } from '../support/held-clock.ts';
import { eventually, type TestCloud } from '../support/test-cloud.ts';
import { Browser, Live, refusedWith, startTestWeb, startWebCloud, type TestWeb, type WebCloud } from './support.ts';

let world: WebCloud;
let cloud: TestCloud;
let web: TestWeb;
/** The administrator's. */
let admin: Browser;

beforeAll(async () => {
  world = await startWebCloud();
  ({ cloud, web, admin } = world);
});

afterAll(() => world?.stop());

async function memberOf(project: string): Promise<{ browser: Browser; client: ApiClient }> {
  const client = await cloud.createUser(project);
  const { secret } = await client.ask(api.token.create, {});
  const browser = new Browser(web.origin);
  await browser.signIn(secret);
  return { browser, client };
}

describe('/live', () => {
  it('tells what happens to an instance, in the order of the stream', async () => {
    const live = await admin.live();
    const { uuid } = await cloud.create();
    await live.untilState(uuid, 'running');
    const ofIt = live.entries.filter(({ kind, fact }) => kind === 'instance' && fact.uuid === uuid);
    const { facts } = await cloud.client.ask(api.fact.list, { uuid });
    expect(ofIt.map(({ sequence, fact }) => ({ sequence, fact }))).toEqual(facts.slice(0, ofIt.length));
    expect(facts.length - ofIt.length).toBeLessThanOrEqual(1);
  });

  it('never tells a project of another’s instances, hosts or alarms', async () => {
    const [shop, blog] = [await memberOf('shop'), await memberOf('blog')];
    const [ofShop, ofBlog, ofAdmin] = [await shop.browser.live(), await blog.browser.live(), await admin.live()];
    await cloud.client.ask(api.host.disable, { host: 'host1', reason: 'a test' });
    await cloud.client.ask(api.host.enable, { host: 'host1' });
    const hers = await cloud.create({}, shop.client);
    const his = await cloud.create({}, blog.client);
    await ofShop.untilState(hers.uuid, 'running');
    await ofBlog.untilState(his.uuid, 'running');
    await ofAdmin.untilState(his.uuid, 'running');
    for (const [live, project] of [
      [ofShop, 'shop'],
      [ofBlog, 'blog'],
    ] as const) {
      expect(new Set(live.entries.map(({ kind }) => kind))).toEqual(new Set(['instance']));
      const projects = live.entries.map(({ fact }) => 'projectId' in fact && fact.projectId);
      expect(new Set(projects)).toEqual(new Set([project]));
    }
    expect(ofAdmin.entries.some(({ kind }) => kind === 'host')).toBe(true);
  });

  it('tells first what was missed while the connection was lost, once, and of one’s own project', async () => {
    const { browser, client } = await memberOf('lost');
    const first = await browser.live();
    const early = await cloud.create({}, client);
    await first.untilState(early.uuid, 'running');
    const last = first.entries.at(-1)?.sequence ?? 0;
    first.socket.terminate();
    const missed = await cloud.create({}, client);
    const others = await cloud.create();
    await cloud.until(missed.uuid, ({ vmState }) => vmState === 'active');
    await cloud.until(others.uuid, ({ vmState }) => vmState === 'active');
    const again = await browser.live(`?after=${last}&epoch=${encodeURIComponent(first.hello.epoch)}`);
    await again.untilState(missed.uuid, 'running');
    const later = await cloud.create({}, client);
    await again.untilState(later.uuid, 'running');
    const all = [...first.entries, ...again.entries].map(({ sequence }) => sequence);
    expect(all).toEqual([...new Set(all)].toSorted((a, b) => a - b));
    const { facts } = await client.ask(api.fact.list, {});
    const heard = new Set(all);
    expect(facts.filter(({ sequence }) => sequence <= (all.at(-1) ?? 0) && !heard.has(sequence))).toEqual([]);
  });

  it.each(['?after=999999999', '?after=1&epoch=another'])(
    'says so when what was missed is not known: %s',
    async (query) => {
      const live = await admin.live(query);
      expect(await live.until(({ type }) => type === 'reset')).toEqual({ type: 'reset' });
      expect(live.entries).toEqual([]);
    },
  );

  it('says now and then how far all was told, also to whom nothing has happened', async () => {
    const clock = new HeldClock(stillEveryMs);
    const other = await startTestWeb({ ...cloud.runtime, clock });
    onTestFinished(() => other.stop());
    const client = await cloud.createUser('quiet');
    const { secret } = await client.ask(api.token.create, {});
    const live = new Live(new Browser(other.origin).open('/live', { authorization: `Bearer ${secret}` }));
    await live.until(({ type }) => type === 'hello');
    const { uuid } = await cloud.create();
    await cloud.until(uuid, ({ vmState }) => vmState === 'active');
    const { facts } = await cloud.client.ask(api.fact.list, { uuid });
    const last = facts.at(-1)?.sequence ?? Number.NaN;
    await eventually(() => {
      clock.endWaits();
      return live.frames.some((frame) => frame.type === 'still' && frame.sequence >= last) || undefined;
    });
    expect(live.entries).toEqual([]);
  });

  it('lets nobody in without a session, from another’s page, or elsewhere', async () => {
    const stranger = new Browser(web.origin);
    expect(await refusedWith(stranger.open('/live'))).toBe(401);
    expect(await refusedWith(admin.open('/live', { origin: 'https://evil.example' }))).toBe(403);
    // What only looks may come without it.
    const silent = new WebSocket(`${web.origin.replace('http', 'ws')}/live`, { headers: { cookie: admin.cookie } });
    expect(await refusedWith(silent)).toBe(403);
    // The last of these is nothing that a URL is made of.
    for (const path of ['/elsewhere', '/live/', '/', '//[']) expect(await refusedWith(admin.open(path))).toBe(404);
    expect(await refusedWith(stranger.open('/live', { authorization: 'Bearer nonsense' }))).toBe(401);
    const program = stranger.open('/live', { authorization: `Bearer ${cloud.token}`, origin: 'https://evil.example' });
    await eventually(() => program.readyState === program.OPEN || undefined);
  });

  it('lets a session have only so many at a time', async () => {
    const { browser } = await memberOf('many');
    const lives = await Promise.all(Array.from({ length: 32 }, () => browser.live()));
    expect(await refusedWith(browser.open('/live'))).toBe(429);
    lives[0]?.socket.close();
    await eventually(() => lives[0]?.closed);
    await browser.live();
  });

  it('ends with the server, also where nobody reads any more', async () => {
    const other = await startTestWeb(cloud.runtime);
    const browser = new Browser(other.origin);
    await browser.signIn(cloud.token);
    const [reading, deaf] = [await browser.live(), await browser.live()];
    deaf.socket.pause();
    await other.stop();
    expect(await eventually(() => reading.closed)).toMatchObject({ code: 1001 });
    await expect(fetch(other.origin)).rejects.toThrow();
  });

  it('ends with the session', async () => {
    const { browser } = await memberOf('leaving');
    const live = await browser.live();
    await browser.ask('/session', { method: 'DELETE' });
    expect(await eventually(() => live.closed)).toEqual({ code: closeCodes.signedOut, reason: 'signed out' });
  });

  it('lets nobody in who signs out before they are', async () => {
    const { bus } = cloud.runtime;
    const asked = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    let isHeld = false;
    const request: typeof bus.request = async (...args) => {
      const isToWait = isHeld;
      isHeld = false;
      const answer = await bus.request(...args);
      if (!isToWait) return answer;
      asked.resolve();
      await goOn.promise;
      return answer;
    };
    const other = await startTestWeb({ ...cloud.runtime, bus: { ...bus, request } });
    onTestFinished(() => other.stop());
    const browser = new Browser(other.origin);
    await browser.signIn(cloud.token);
    isHeld = true;
    const refused = refusedWith(browser.open('/live'));
    await asked.promise;
    expect((await browser.ask('/session', { method: 'DELETE' })).status).toBe(204);
    goOn.resolve();
    expect(await refused).toBe(401);
  });

  it('ends when the token is revoked by somebody else', async () => {
    const clock = new HeldClock(5_000);
    const other = await startTestWeb({ ...cloud.runtime, clock });
    onTestFinished(() => other.stop());
    const client = await cloud.createUser('revoked');
    const { secret, token } = await client.ask(api.token.create, {});
    const live = new Live(new Browser(other.origin).open('/live', { authorization: `Bearer ${secret}` }));
    await live.until(({ type }) => type === 'hello');
    clock.endWaits();
    await cloud.client.ask(api.token.revoke, { id: token.id });
    // It may have been looking when the token was still one.
    const closed = eventually(() => {
      if (!live.closed) clock.endWaits();
      return live.closed;
    });
    expect(await closed).toEqual({ code: closeCodes.signedOut, reason: 'signed out' });
  });

  it('ends when the token does', async () => {
    const client = await cloud.createUser('ending');
    const { secret, token } = await client.ask(api.token.create, { expiresInSeconds: 2 });
    const browser = new Browser(web.origin);
    await browser.signIn(secret);
    const live = await browser.live();
    expect(await eventually(() => live.closed)).toMatchObject({ code: closeCodes.signedOut });
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(token.expiresAt ?? ''));
  });

  it('ends when its user may more, or less, than before', async () => {
    const clock = new HeldClock(5_000);
    const other = await startTestWeb({ ...cloud.runtime, clock });
    onTestFinished(() => other.stop());
    await cloud.client.ask(api.user.create, { id: 'rising', name: 'rising' });
    await cloud.client.ask(api.project.create, { id: 'rise', name: 'rise' });
    await cloud.client.ask(api.user.grant, { id: 'rising', projectId: 'rise', role: 'reader' });
    const { secret } = await cloud.client.ask(api.token.create, { userId: 'rising', projectId: 'rise' });
    const browser = new Browser(other.origin);
    await browser.signIn(secret);
    const live = await browser.live();
    await cloud.client.ask(api.user.grant, { id: 'rising', projectId: 'rise', role: 'member' });
    clock.endWaits();
    expect(await eventually(() => live.closed)).toMatchObject({ code: closeCodes.rolesChanged });
  });

  it('keeps no more than it has to for who does not read, who is told when facts were left out', async () => {
    const [slow, quick] = [await admin.live(), await admin.live()];
    const body: InstanceFact = { ...(readGolden('facts.instance.body') as InstanceFact), reason: 'x'.repeat(200_000) };
    slow.socket.pause();
    // 40 MB: more than what the system takes in between.
    for (let told = 1; told <= 200; told++) {
      publishFact(cloud.runtime.bus, subjects.instanceFact('many', body.uuid), facts.instance, body);
      if (told % 5 === 0) await eventually(() => quick.entries.length >= told || undefined);
    }
    slow.socket.resume();
    await slow.until(({ type }) => type === 'reset');
    expect(slow.entries.length).toBeLessThan(quick.entries.length);
    expect(slow.frames.filter(({ type }) => type === 'reset')).toHaveLength(1);
    const { uuid } = await cloud.create();
    await slow.untilState(uuid, 'running');
  });

  it('tells the same by every web server of a cloud', async () => {
    const other = await startTestWeb(await cloud.connect());
    onTestFinished(() => other.stop());
    const browser = new Browser(other.origin);
    // Cookies know no ports, but by their names.
    browser.cookie = admin.cookie.replace(String(web.door.port), String(other.door.port));
    const [here, there] = [await admin.live(), await browser.live()];
    const { uuid } = await cloud.create();
    await Promise.all([here.untilState(uuid, 'running'), there.untilState(uuid, 'running')]);
    const ofIt = (entries: typeof here.entries) => entries.filter(({ fact }) => 'uuid' in fact && fact.uuid === uuid);
    const length = Math.min(ofIt(here.entries).length, ofIt(there.entries).length);
    expect(ofIt(here.entries).slice(0, length)).toEqual(ofIt(there.entries).slice(0, length));
  });
});
