/** Instances in the browser: launched, looked at, told what to do, and nobody else's. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { stillEveryMs } from '../../transport/messages/web.ts';
import type { Visitor } from '../support/browser.ts';
import { memberOf, type Stage, startStage, untilDrawn } from './support.ts';

let stage: Stage;
/** Of project shop. */
let shop: string;
let visitor: Visitor;

beforeAll(async () => {
  stage = await startStage();
  shop = await memberOf(stage.cloud, 'shop');
  await stage.clientOf(shop).ask(api.keyPair.create, { name: 'laptop' });
  visitor = await stage.enterAs(shop, '/instances');
});

afterAll(() => stage?.stop());

/** By the client, not by the page. Resolves when it runs. */
async function launch(name: string): Promise<string> {
  const { uuid } = await stage.cloud.create({ name }, stage.clientOf(shop));
  await stage.cloud.until(uuid, ({ vmState }) => vmState === 'active');
  return uuid;
}

it('launches from the form, and shows how the instance becomes active', async () => {
  const { page } = visitor;
  await page.getByRole('link', { name: 'Launch', exact: true }).click();
  await page.getByLabel('Name', { exact: true }).fill('web-1');
  await page.getByLabel('Flavor').selectOption('m1.tiny');
  await page.getByLabel('Key pair').selectOption('laptop');
  await page.getByText('User data and metadata').click();
  await page.getByLabel('User data').fill('#cloud-config\npackages: [nginx]\n');
  await page.getByLabel('Name 1').fill('tier');
  await page.getByLabel('Value 1').fill('front');
  await page.getByText('0 + 1 / 10').waitFor();
  expect(await visitor.look('launch')).toEqual([]);

  await page.getByRole('button', { name: 'Launch' }).click();
  await page.getByRole('heading', { name: 'web-1' }).waitFor();
  await page.locator('.page-head .state', { hasText: /^active$/ }).waitFor();
  await page.getByText('kilonova-guest: hostname web-1').waitFor();
  await page.getByRole('rowheader', { name: 'networking' }).waitFor();
  expect(await visitor.look('instance')).toEqual([]);

  const { instances } = await stage.clientOf(shop).ask(api.instance.list, { name: 'web-1' });
  expect(instances).toMatchObject([{ keyName: 'laptop', flavor: { name: 'm1.tiny' }, metadata: { tier: 'front' } }]);
  expect(visitor.takeComplaints()).toEqual([]);
});

it('says at its field what is wrong, before it is sent and after', async () => {
  const { page } = visitor;
  await visitor.go('/launch');
  const name = page.getByLabel('Name', { exact: true });
  await page.getByLabel('Count', { exact: true }).fill('101');
  await page.getByRole('button', { name: /^Launch/ }).click();
  await expect.poll(() => name.getAttribute('aria-invalid')).toBe('true');
  await page.getByText('This is required.').waitFor();
  await page.getByText('This must be at most 100.').waitFor();
  await expect.poll(() => page.getByLabel('Count', { exact: true }).getAttribute('aria-invalid')).toBe('true');
  await expect.poll(() => page.evaluate('document.activeElement.labels?.[0].textContent.trim()')).toBe('Name');
  expect(await visitor.look('launch-refused')).toEqual([]);

  // What only the API knows: a key pair that is gone by now.
  await name.fill('web-2');
  await page.getByLabel('Count', { exact: true }).fill('1');
  await stage.clientOf(shop).ask(api.keyPair.create, { name: 'old' });
  await page.reload();
  await name.fill('web-2');
  await page.getByLabel('Key pair').selectOption('old');
  await stage.clientOf(shop).ask(api.keyPair.delete, { name: 'old' });
  await page.getByRole('button', { name: 'Launch' }).click();
  await expect.poll(() => page.getByLabel('Key pair').getAttribute('aria-invalid')).toBe('true');

  await page.getByLabel('Key pair').selectOption('');
  await page.getByLabel('Count', { exact: true }).fill('30');
  await page.getByText('More than the project may have of: Instances, vCPUs.').waitFor();
  await page.getByRole('button', { name: 'Launch 30' }).click();
  await page.getByRole('alert').getByText(/quota/i).waitFor();
  await page.getByLabel('Count', { exact: true }).fill('2');
  await page.getByRole('alert').waitFor({ state: 'detached' });
  expect(visitor.takeComplaints()).toEqual([]);
});

it('launches once what is sent again because nobody has answered', async () => {
  const { page } = visitor;
  await visitor.go('/instances');
  await visitor.go('/launch');
  await page.getByLabel('Name', { exact: true }).fill('once');
  const failure = { code: 'timeout', message: 'the server did not answer in time', disposition: 'retry' };
  let isLost = true;
  await page.route('**/api/v1/instance/create', async (route) => {
    const response = await route.fetch();
    await (isLost ? route.fulfill({ status: 408, json: { failure } }) : route.fulfill({ response }));
    isLost = false;
  });
  await page.getByRole('button', { name: 'Launch', exact: true }).click();
  await page.getByRole('alert').getByText('The server did not answer in time.').waitFor();
  await page.getByRole('button', { name: 'Launch', exact: true }).click();
  await page.getByRole('heading', { name: 'once' }).waitFor();
  const { instances } = await stage.clientOf(shop).ask(api.instance.list, { name: 'once' });
  expect(instances).toHaveLength(1);
  await page.unroute('**/api/v1/instance/create');
});

it('offers what the chart allows, and asks before a deletion', async () => {
  const uuid = await launch('web-3');
  const { page } = visitor;
  await page.goto(`/instances/${uuid}`);
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const commands = page.getByRole('group', { name: 'What web-3 may be told' });
  const offered = () => commands.getByRole('button').allTextContents();
  await expect
    .poll(offered)
    .toEqual(['Stop', 'Reboot', 'Hard reboot', 'Pause', 'Suspend', 'Resize', 'Rebuild', 'Delete', 'Lock', 'Edit']);

  await button('Stop').press('Enter');
  await expect.poll(offered).toEqual(['Start', 'Hard reboot', 'Resize', 'Rebuild', 'Delete', 'Lock', 'Edit']);
  // The button that had the focus is gone.
  await expect.poll(() => page.evaluate('document.activeElement.ariaLabel')).toBe('What web-3 may be told');
  await button('Start').click();
  await expect.poll(offered).toContain('Stop');
  await button('Lock').click();
  await page.getByText('Locked by its owner.').waitFor();
  await expect.poll(offered).toEqual(['Unlock', 'Edit']);
  await button('Unlock').click();

  await button('Delete').click();
  const question = page.getByRole('dialog', { name: 'Delete web-3?' });
  await question.waitFor();
  expect(await visitor.look('delete')).toEqual([]);
  await question.getByRole('button', { name: 'Cancel' }).click();
  await question.waitFor({ state: 'detached' });
  await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Delete');
  expect((await stage.cloud.client.ask(api.instance.get, { uuid })).instance.vmState).toBe('active');

  await button('Delete').click();
  await question.getByRole('button', { name: 'Delete' }).click();
  await page.locator('.page-head .state', { hasText: /^deleted$/ }).waitFor();
  await expect.poll(offered).toEqual([]);
  await page.getByRole('link', { name: 'Instances' }).first().click();
  await page.getByRole('link', { name: 'web-1' }).waitFor();
  expect(await page.getByRole('link', { name: 'web-3' }).count()).toBe(0);
  expect(visitor.takeComplaints()).toEqual([]);
});

it('follows what a guest writes, and leaves whoever reads further up where they are', async () => {
  const uuid = await launch('talking');
  const { page } = visitor;
  let lines = 100;
  await page.route('**/api/v1/instance/console-log', (route) => {
    const output = Array.from({ length: lines }, (_, line) => `line ${line + 1}\n`).join('');
    return route.fulfill({ json: { output } });
  });
  await visitor.go(`/instances/${uuid}`);
  const log = page.locator('.console-log pre');
  const below = () => log.evaluate((shown) => shown.scrollHeight - shown.clientHeight - shown.scrollTop);
  const refresh = async () => {
    lines += 100;
    await page.getByRole('button', { name: 'Refresh' }).click();
    await log.getByText(`line ${lines}`).waitFor();
    await untilDrawn(page);
  };
  await log.getByText('line 100').waitFor();
  await refresh();
  await expect.poll(below).toBeLessThan(1);
  await log.evaluate((shown) => shown.scrollTo(0, 40));
  await untilDrawn(page);
  await refresh();
  expect(await log.evaluate((shown) => shown.scrollTop)).toBe(40);
  await page.unroute('**/api/v1/instance/console-log');
  expect(visitor.takeComplaints()).toEqual([]);
});

it('shows why a launch failed', async () => {
  await stage.cloud.client.ask(api.flavor.create, {
    id: 'huge',
    name: 'huge',
    vcpus: 16,
    memoryMb: 400_000,
    rootGb: 0,
  });
  await stage.cloud.client.ask(api.quota.set, { projectId: 'shop', memoryMb: -1, instances: 50, vcpus: 100 });
  const { uuid } = await stage.cloud.create({ name: 'too-large', flavor: 'huge' }, stage.clientOf(shop));
  const { page } = visitor;
  await page.goto(`/instances/${uuid}`);
  await page.getByRole('alert').getByText('no_valid_host').waitFor();
  expect(await visitor.look('instance-failed')).toEqual([]);
  expect(visitor.takeComplaints()).toEqual([]);
});

it('never shows another project’s instances', async () => {
  const blog = await memberOf(stage.cloud, 'blog');
  const other = await stage.enterAs(blog, '/instances');
  await other.page.getByText('There are no instances in blog.').waitFor();
  const mine = await launch('seen-by-shop');
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
  const uuid = await launch('steady');
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
  await launch('meanwhile');
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
  const name = await launch('unheard');
  await page.clock.runFor(stillEveryMs * 2);
  await expect.poll(() => opened.length).toBe(2);
  await page.clock.runFor(1_000);
  await page.getByRole('row', { name: /unheard.*active/ }).waitFor();
  expect(opened[1]).toMatch(/[?&]after=\d+/);
  expect(cut.takeComplaints()).toEqual([]);
  await stage.clientOf(shop).ask(api.instance.delete, { uuid: name });
});

it('shows what is true in a store that was put back, though it is older', async () => {
  const uuid = await launch('put-back');
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
  const uuid = await launch('gone');
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
  await launch('awaited');
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
  await launch('first');
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
  await launch('early');
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
  await launch('busy');
  // All that the facts made it ask for, and more.
  await expect.poll(() => refused, { timeout: 20_000 }).toBeGreaterThan(3);
  await patient.page.unroute('**/api/v1/instance/get');
  await patient.page.getByRole('row', { name: /busy.*active/ }).waitFor();
});
