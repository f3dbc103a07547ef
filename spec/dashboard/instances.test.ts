/** The instances in the browser as they are now, whatever becomes of the connection, and nobody else's. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { stillEveryMs } from '../../transport/messages/web.ts';
import type { Visitor } from '../support/browser.ts';
import { memberOf, type Stage, startStage } from './support.ts';

let stage: Stage;
/** Of project shop. */
let shop: string;
let visitor: Visitor;

beforeAll(async () => {
  stage = await startStage();
  shop = await memberOf(stage.cloud, 'shop');
  visitor = await stage.enterAs(shop, '/instances');
});

afterAll(() => stage?.stop());

it('never shows another project’s instances', async () => {
  const blog = await memberOf(stage.cloud, 'blog');
  const other = await stage.enterAs(blog, '/instances');
  await other.page.getByText('There are no instances in blog.').waitFor();
  const mine = await stage.launch(shop, 'seen-by-shop');
  const { uuid } = await stage.cloud.create({ name: 'seen-by-blog' }, stage.clientOf(blog));
  await other.page.getByRole('link', { name: 'seen-by-blog' }).waitFor();
  expect(await other.page.getByRole('grid').textContent()).not.toContain('seen-by-shop');
  await other.page.goto(`/instances/${mine}`);
  await other.page.getByRole('alert').getByText('not_found').waitFor();

  await visitor.page.goto('/instances');
  await visitor.page.getByRole('link', { name: 'seen-by-shop' }).waitFor();
  expect(await visitor.page.getByRole('grid').textContent()).not.toContain('seen-by-blog');

  await stage.cloud.client.ask(api.project.update, { id: 'blog', name: 'The blog' });
  const admin = await stage.enterAs(stage.cloud.token, '/instances');
  await admin.page.getByRole('link', { name: 'seen-by-blog' }).waitFor();
  await admin.page.getByRole('row', { name: /seen-by-blog.*The blog/ }).waitFor();
  expect(await admin.look('instances-of-all')).toEqual([]);
  await admin.page.getByLabel('All projects').uncheck();
  await admin.page.getByText('There are no instances in admin.').waitFor();
  await stage.cloud.client.ask(api.instance.stop, { uuid });
  await stage.cloud.until(uuid, ({ vmState }) => vmState === 'stopped');
  await admin.page.getByText('There are no instances in admin.').waitFor();
  // One that an administrator looks at is followed, and in no list for that.
  await admin.go(`/instances/${uuid}`);
  await admin.page.locator('.page-head .state', { hasText: /^stopped$/ }).waitFor();
  await stage.cloud.client.ask(api.instance.start, { uuid });
  await admin.page.locator('.page-head .state', { hasText: /^active$/ }).waitFor();
  await admin.go('/instances');
  await admin.page.getByText('There are no instances in admin.').waitFor();
  expect([...other.takeComplaints(), ...admin.takeComplaints()]).toEqual([]);
});

it('comes back when the connection is lost, and shows what has happened meanwhile', async () => {
  const uuid = await stage.launch(shop, 'steady');
  const lost = await stage.browser.open(stage.web.origin);
  const sockets: { url: string; close(): Promise<void> }[] = [];
  let isCut = false;
  await lost.page.routeWebSocket(/\/live/, (socket) => {
    if (isCut) return void socket.close();
    socket.connectToServer();
    sockets.push({ url: socket.url(), close: () => socket.close() });
  });
  await lost.signIn(shop, '/instances');
  await lost.page.getByRole('link', { name: 'steady' }).waitFor();

  let lists = 0;
  await lost.page.route('**/api/v1/instance/list', (route) => {
    lists++;
    return route.continue();
  });
  isCut = true;
  await sockets.at(-1)?.close();
  await lost.page.locator('.connection.lost').waitFor();
  await stage.clientOf(shop).ask(api.instance.stop, { uuid });
  await stage.launch(shop, 'meanwhile');
  await stage.cloud.until(uuid, ({ vmState }) => vmState === 'stopped');
  expect(await lost.page.getByRole('link', { name: 'meanwhile' }).count()).toBe(0);

  isCut = false;
  await lost.untilLive();
  await lost.page.getByRole('row', { name: /meanwhile.*active/ }).waitFor();
  await lost.page.getByRole('row', { name: /steady.*stopped/ }).waitFor();
  expect(sockets.at(-1)?.url).toMatch(/[?&]after=\d+/);
  // What was missed has told it all: nothing else was to be asked for.
  expect(lists).toBe(0);
  expect(lost.takeComplaints()).toEqual([]);
});

it('connects anew when it hears nothing any more, though nobody says that the connection is lost', async () => {
  const cut = await stage.browser.open(stage.web.origin);
  const { page } = cut;
  const opened: string[] = [];
  let isCut = false;
  await page.routeWebSocket(/\/live/, (socket) => {
    opened.push(socket.url());
    const isFirst = opened.length === 1;
    socket.connectToServer().onMessage((message) => {
      if (!(isFirst && isCut)) socket.send(message);
    });
  });
  await page.clock.install();
  await cut.signIn(shop, '/instances');
  isCut = true;
  await page.clock.runFor(stillEveryMs * 2);
  expect(opened).toHaveLength(1);
  const name = await stage.launch(shop, 'unheard');
  await page.clock.runFor(stillEveryMs * 2);
  await expect.poll(() => opened.length).toBe(2);
  await page.clock.runFor(1_000);
  await page.getByRole('row', { name: /unheard.*active/ }).waitFor();
  expect(opened[1]).toMatch(/[?&]after=\d+/);
  expect(cut.takeComplaints()).toEqual([]);
  await stage.clientOf(shop).ask(api.instance.delete, { uuid: name });
});

it('shows what is true in a store that was put back, though it is older', async () => {
  const uuid = await stage.launch(shop, 'put-back');
  const restored = await stage.browser.open(stage.web.origin);
  let reset = () => {};
  await restored.page.routeWebSocket(/\/live/, (socket) => {
    socket.connectToServer();
    reset = () => socket.send(JSON.stringify({ type: 'reset' }));
  });
  await restored.signIn(shop, '/instances');
  await restored.page.getByRole('row', { name: /put-back.*active/ }).waitFor();
  const { instance } = await stage.clientOf(shop).ask(api.instance.get, { uuid });
  const before = { ...instance, vmState: 'stopped', updatedAt: instance.createdAt };
  await restored.page.route('**/api/v1/instance/list', (route) => {
    const isFirst = !('marker' in (route.request().postDataJSON() as object));
    return route.fulfill({ json: { instances: isFirst ? [before] : [] } });
  });
  reset();
  await restored.page.getByRole('row', { name: /put-back.*stopped/ }).waitFor();
  // What was not yet there then is there no more.
  await restored.page.getByRole('button', { name: 'All 1', exact: true }).waitFor();
  expect(restored.takeComplaints()).toEqual([]);
});

it('goes on showing one that is deleted when all is asked for anew', async () => {
  const uuid = await stage.launch(shop, 'gone');
  await stage.clientOf(shop).ask(api.instance.delete, { uuid });
  await stage.cloud.until(uuid, ({ vmState }) => vmState === 'deleted');
  const late = await stage.browser.open(stage.web.origin);
  const { page } = late;
  let reset = () => {};
  await page.routeWebSocket(/\/live/, (socket) => {
    socket.connectToServer();
    reset = () => socket.send(JSON.stringify({ type: 'reset' }));
  });
  await late.signIn(shop, `/instances/${uuid}`);
  await page.locator('.page-head .state', { hasText: /^deleted$/ }).waitFor();
  const isListed = page.waitForResponse(
    async (response) => response.url().endsWith('/instance/list') && (await response.json()).instances.length === 0,
  );
  reset();
  await isListed;
  await page.getByRole('link', { name: 'Chart', exact: true }).click();
  await page.getByRole('heading', { name: 'Chart of gone' }).waitFor();
  await page.getByRole('link', { name: 'gone', exact: true }).click();
  await page.locator('.page-head .state', { hasText: /^deleted$/ }).waitFor();
  expect(late.takeComplaints()).toEqual([]);
});

it('does not wait for what it asked before when all is to be asked for anew', async () => {
  await stage.launch(shop, 'awaited');
  const impatient = await stage.browser.open(stage.web.origin);
  const { page } = impatient;
  let reset = () => {};
  await page.routeWebSocket(/\/live/, (socket) => {
    socket.connectToServer();
    reset = () => socket.send(JSON.stringify({ type: 'reset' }));
  });
  const isAsked = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  await page.route('**/api/v1/instance/list', async (route) => {
    isAsked.resolve();
    await goOn.promise;
    await route.continue();
  });
  await impatient.signIn(shop, '/instances');
  await isAsked.promise;
  await page.route('**/api/v1/instance/list', (route) => route.continue());
  reset();
  await page.getByRole('link', { name: 'awaited' }).waitFor();
  const isAnswered = page.waitForResponse('**/api/v1/instance/list');
  goOn.resolve();
  await isAnswered;
  expect(impatient.takeComplaints()).toEqual([]);
});

it('asks for all of them again when nobody has answered at first', async () => {
  await stage.launch(shop, 'first');
  const patient = await stage.browser.open(stage.web.origin);
  const { page } = patient;
  const failure = { code: 'unavailable', message: 'busy', disposition: 'retry' };
  await page.route('**/api/v1/instance/list', (route) => route.fulfill({ status: 503, json: { failure } }));
  await patient.signIn(shop, '/instances');
  await page.getByRole('alert').getByText('Busy.').waitFor();
  await page.unroute('**/api/v1/instance/list');
  await page.getByRole('link', { name: 'first' }).waitFor();
  await page.getByRole('alert').waitFor({ state: 'detached' });
});

it('shows what happens between its first look and the first word of what follows', async () => {
  const late = await stage.browser.open(stage.web.origin);
  const opened = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  await late.page.routeWebSocket(/\/live/, async (socket) => {
    opened.resolve();
    await goOn.promise;
    socket.connectToServer();
  });
  const isSignedIn = late.signIn(shop, '/instances');
  await opened.promise;
  await stage.launch(shop, 'early');
  goOn.resolve();
  await isSignedIn;
  await late.page.getByRole('row', { name: /early.*active/ }).waitFor();
  expect(late.takeComplaints()).toEqual([]);
});

it('asks again for what nobody has answered', async () => {
  const patient = await stage.enterAs(shop, '/instances');
  const failure = { code: 'unavailable', message: 'busy', disposition: 'retry' };
  let refused = 0;
  await patient.page.route('**/api/v1/instance/get', (route) => {
    refused++;
    return route.fulfill({ status: 503, json: { failure } });
  });
  await stage.launch(shop, 'busy');
  // All that the facts made it ask for, and more.
  await expect.poll(() => refused, { timeout: 20_000 }).toBeGreaterThan(3);
  await patient.page.unroute('**/api/v1/instance/get');
  await patient.page.getByRole('row', { name: /busy.*active/ }).waitFor();
});
