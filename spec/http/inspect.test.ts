/** `/inspect` of a web server: who is let in, and what Stately's own receiver needs to be. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { inspection, type Watch } from '../../transport/messages/inspection.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { Receiver } from '../inspection/support.ts';
import { eventually, type TestCloud } from '../support/test-cloud.ts';
import { Browser, refusedWith, startTestWeb, startWebCloud, type TestWeb, type WebCloud } from './support.ts';

let world: WebCloud;
let cloud: TestCloud;
let web: TestWeb;
let admin: Browser;
beforeAll(async () => {
  world = await startWebCloud();
  ({ cloud, web, admin } = world);
});
afterAll(() => world?.stop());

/** What a program makes of the URL `ws://any:<password>@…`. */
const basic = (password: string) => ({ authorization: `Basic ${Buffer.from(`any:${password}`).toString('base64')}` });

it('shows administrators the machines, by the cookie of their browser', async () => {
  const socket = admin.open('/inspect?host=host1');
  const first = await new Promise((resolve) => socket.once('message', resolve));
  expect(JSON.parse(String(first))).toMatchObject({ type: '@xstate.actor', name: 'host/host1' });
});

it('shows them to a program that can only be told a URL, by a token in the place of a password', async () => {
  const receiver = new Receiver(`${web.origin.replace('http://', `ws://any:${cloud.token}@`)}/inspect`);
  const { uuid } = await cloud.create();
  await receiver.until((event) => 'name' in event && event.name === `instance/${uuid}`);
});

it('lets nobody else in, nor the page of somebody else', async () => {
  const stranger = new Browser(web.origin);
  const member = new Browser(web.origin);
  const { secret } = await (await cloud.createUser('curious')).ask(api.token.create, {});
  await member.signIn(secret);
  expect(await refusedWith(stranger.open('/inspect'))).toBe(401);
  expect(await refusedWith(stranger.open('/inspect', basic('nonsense')))).toBe(401);
  expect(await refusedWith(member.open('/inspect'))).toBe(403);
  expect(await refusedWith(stranger.open('/inspect', basic(secret)))).toBe(403);
  for (const way of [{}, basic(cloud.token)]) {
    expect(await refusedWith(admin.open('/inspect', { ...way, origin: 'https://evil.example' }))).toBe(403);
  }
});

it('says what it cannot show', async () => {
  for (const query of ['instance=a&host=b', 'host=', `instance=${'x'.repeat(256)}`]) {
    const socket = admin.open(`/inspect?${query}`);
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    expect(await closed).toBe(1008);
  }
});

it('watches nothing any more when its server stops', async () => {
  const other = await startTestWeb(await cloud.connect());
  const heard: Watch[] = [];
  const { bus } = await cloud.connect();
  bus.subscribe(subjects.inspectionWatch(), ({ data }) => heard.push(inspection.watch.decode(data)));
  await bus.nats.connection.flush();
  const browser = new Browser(other.origin);
  await browser.signIn(cloud.token);
  // Of which nobody else asks.
  const socket = browser.open('/inspect?host=nowhere');
  const { watcher } = await eventually(() => heard.find(({ machines }) => machines?.includes('host/nowhere')));
  await other.stop();
  await eventually(() => heard.find((each) => each.watcher === watcher && each.leaseMs === 0));
  await eventually(() => socket.readyState === socket.CLOSED || undefined);
});
