/** The chart page: where an instance or a host stands, how it came there, and where it stood before. */
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { startCloud } from '../../actors/cloud/cloud.ts';
import { api } from '../../transport/messages/api.ts';
import type { Visitor } from '../support/browser.ts';
import { controlPlane } from '../support/test-cloud.ts';
import { memberOf, type Stage, startStage, untilDrawn } from './support.ts';

let stage: Stage;
let visitor: Visitor;

beforeAll(async () => {
  // Without a network controller at first: a launch waits for its addresses until there is one.
  stage = await startStage({ roles: controlPlane.filter((role) => role !== 'network') });
  visitor = await stage.enterAs(stage.cloud.token, '/charts');
});

afterAll(() => stage?.stop());

/** The states of the chart that have a mark, sooner or later. */
function marked(mark: string) {
  const found = visitor.page.locator(`.chart [data-state].${mark}`);
  return expect.poll(() => found.evaluateAll((all) => all.map((each) => each.getAttribute('data-state'))));
}

function moments() {
  return visitor.page.getByRole('region', { name: 'History' }).getByRole('listitem');
}

it('lights building, networking, spawning and running of a launch, as it goes', async () => {
  const { cloud } = stage;
  const { page } = visitor;
  const goOn = cloud.hypervisors.get('host1')?.hang('prepareFilter');
  await cloud.create({ name: 'web' });
  await page.getByLabel('Find an instance by name or id').fill('web');
  await page.getByRole('link', { name: /^web/ }).click();
  await marked('now').toEqual(['networking']);
  await marked('visited').toEqual(expect.arrayContaining(['scheduling', 'building', 'building.claiming']));

  await startCloud(cloud.runtime, { roles: ['network'] });
  await marked('now').toEqual(['spawning.preparingFilter']);
  await marked('around-now').toEqual(['spawning']);

  goOn?.();
  await marked('now').toEqual(['running']);
  expect(await visitor.look('chart-running')).toEqual([]);
  expect(visitor.takeComplaints()).toEqual([]);
});

it('goes back in time by keyboard to where it stood, shows what was told then, and follows again', async () => {
  const { page } = visitor;
  const slider = page.getByRole('slider', { name: 'Moment' });
  await slider.press('Home');
  await marked('now').toEqual(['scheduling']);
  await marked('visited').toEqual(['scheduling']);
  await moments().getByRole('button', { name: 'building.checking' }).click();
  await marked('now').toEqual(['building.checking']);
  await slider.press('ArrowRight');
  await marked('now').toEqual(['building.claiming']);
  const payload = async () => JSON.parse((await moments().locator('pre').textContent()) ?? '') as object;
  await expect
    .poll(payload)
    .toMatchObject({ type: 'transition', from: 'building.checking', to: 'building.claiming', name: 'web' });

  await page.getByRole('button', { name: 'Live' }).click();
  await marked('now').toEqual(['running']);
  await stage.cloud.client.ask(api.instance.pause, { uuid: shown() });
  await marked('now').toEqual(['paused']);
});

it('shows where a launch failed, why, and what gave back what it held', async () => {
  const { cloud } = stage;
  const { page } = visitor;
  cloud.hypervisors.get('host1')?.failNext('createDomain', {
    code: 'disk_full',
    message: 'no room is left on the host',
    disposition: 'abort',
  });
  const { uuid } = await cloud.create({ name: 'broken' });
  await cloud.until(uuid, ({ vmState }) => vmState === 'error');
  await visitor.go(`/instances/${uuid}/chart`);
  await marked('now').toEqual(['failed.spawning']);
  await marked('has-failed').toEqual(['spawning.creatingDomain']);
  await marked('undoing').toEqual(
    expect.arrayContaining(['releasing', 'releasing.destroyingDomain', 'releasing.releasingClaim']),
  );
  await page.locator('.timeline .failure', { hasText: 'no room is left on the host' }).getByRole('button').click();
  await marked('now').toEqual(['releasing.destroyingDomain']);
  expect(await visitor.look('chart-failed')).toEqual([]);
});

it('unfolds a state with what is in it, by its box or by its name, and keeps it in sight in another window', async () => {
  const { page } = visitor;
  const { uuid } = await stage.cloud.create({ name: 'unfolded' });
  await visitor.go(`/instances/${uuid}/chart`);
  await marked('now').toHaveLength(1);
  await page.getByText('Unfold states').click();
  await page.getByLabel('releasing').check();
  await page.locator('.chart .box[data-state="releasing.destroyingDomain"]').waitFor();
  await page.getByText('Unfold states').click();
  expect(await visitor.look('chart-unfolded')).toEqual([]);
  await page.locator('.chart .box[data-state="releasing"] > .name').click();
  await page.locator('.chart .step[data-state="releasing.destroyingDomain"]').waitFor();
  expect(visitor.takeComplaints()).toEqual([]);
});

it('is moved about in by keyboard, wheel and pointer, and shows all of it when asked', async () => {
  const { page } = visitor;
  const chart = page.locator('svg.chart');
  const seen = async () => ((await chart.getAttribute('viewBox')) ?? '').split(' ').map(Number);
  const canvas = page.getByRole('application');
  const begun = await seen();
  await canvas.press('ArrowRight');
  expect((await seen())[0]).toBeGreaterThan(begun[0] ?? Number.NaN);
  await canvas.press('+');
  expect((await seen())[2]).toBeLessThan(begun[2] ?? Number.NaN);
  const [, above = Number.NaN] = await seen();
  const { x, y } = (await canvas.boundingBox()) ?? { x: Number.NaN, y: Number.NaN };
  await page.mouse.move(x + 300, y + 300);
  await page.mouse.down();
  await page.mouse.move(x + 300, y + 200, { steps: 4 });
  await page.mouse.up();
  expect((await seen())[1]).toBeGreaterThan(above);
  const [, , near = Number.NaN] = await seen();
  await page.mouse.wheel(0, 400);
  await expect.poll(async () => (await seen())[2]).toBeGreaterThan(near);
  await page.getByRole('button', { name: 'Show all' }).click();
  const frame = chart.locator('.frame').first();
  const [wholeWidth, wholeHeight] = [await frame.getAttribute('width'), await frame.getAttribute('height')].map(Number);
  const [left, top, width, height] = await seen();
  expect([left, top].every((corner = Number.NaN) => corner <= 0)).toBe(true);
  expect(width).toBeGreaterThanOrEqual(wholeWidth ?? Number.NaN);
  expect(height).toBeGreaterThanOrEqual(wholeHeight ?? Number.NaN);
});

it('shows no way without its beginning, while the way until now is asked for', async () => {
  const { page } = visitor;
  const { uuid } = await stage.cloud.create({ name: 'late' });
  await stage.cloud.until(uuid, ({ vmState }) => vmState === 'active');
  const asked = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  await page.route('**/api/v1/fact/list', async (route) => {
    asked.resolve();
    await goOn.promise;
    await route.continue();
  });
  await visitor.go(`/instances/${uuid}/chart`);
  await asked.promise;
  await stage.cloud.client.ask(api.instance.pause, { uuid });
  await page.locator('.page-head .state', { hasText: /^paused$/ }).waitFor();
  expect(await moments().count()).toBe(0);
  goOn.resolve();
  await marked('now').toEqual(['paused']);
  await marked('visited').toEqual(expect.arrayContaining(['scheduling', 'running']));
  await page.unroute('**/api/v1/fact/list');
});

it('keeps the way until now while nobody tells it anew, asks again, and shows none of a store that has none', async () => {
  const { uuid } = await stage.cloud.create({ name: 'put-back' });
  await stage.cloud.until(uuid, ({ vmState }) => vmState === 'active');
  const restored = await stage.browser.open(stage.web.origin);
  const { page } = restored;
  let reset = () => {};
  await page.routeWebSocket(/\/live/, (socket) => {
    socket.connectToServer();
    reset = () => socket.send(JSON.stringify({ type: 'reset' }));
  });
  await restored.signIn(stage.cloud.token, `/instances/${uuid}/chart`);
  const told = page.getByRole('region', { name: 'History' }).getByRole('listitem');
  await expect.poll(() => told.last().textContent()).toContain('asked: create');
  await told.filter({ hasText: 'running' }).waitFor();

  const failure = { code: 'unavailable', message: 'busy', disposition: 'retry' };
  await page.route('**/api/v1/fact/list', (route) => route.fulfill({ status: 503, json: { failure } }));
  reset();
  await page.getByRole('alert').getByText('busy').waitFor();
  await stage.cloud.client.ask(api.instance.pause, { uuid });
  await page.locator('.page-head .state', { hasText: /^paused$/ }).waitFor();
  await expect.poll(() => told.last().textContent()).toContain('asked: create');
  await page.unroute('**/api/v1/fact/list');
  await told.filter({ hasText: 'paused' }).waitFor();
  expect(await told.last().textContent()).toContain('asked: create');

  await page.route('**/api/v1/fact/list', (route) => route.fulfill({ json: { facts: [] } }));
  reset();
  await expect.poll(() => told.count()).toBe(0);
});

it('says why no way is shown, and asks again only when it hears of what it is the way of', async () => {
  const { cloud, browser, web } = stage;
  const { uuid } = await cloud.create({ name: 'heard-of' });
  await cloud.until(uuid, ({ vmState }) => vmState === 'active');
  const newcomer = await browser.open(web.origin);
  const { page } = newcomer;
  await page.clock.install();
  let asked = 0;
  const refusal = { code: 'not_found', message: 'there is none', disposition: 'abort' };
  await page.route('**/api/v1/fact/list', (route) =>
    ++asked > 1 ? route.continue() : route.fulfill({ status: 404, json: { failure: refusal } }),
  );
  await newcomer.signIn(cloud.token, `/instances/${uuid}/chart`);
  await page.getByRole('alert').getByText('not_found').waitFor();
  await page.clock.runFor(60_000);
  expect(asked).toBe(1);
  await cloud.client.ask(api.instance.pause, { uuid });
  await page.getByRole('region', { name: 'History' }).getByRole('listitem').filter({ hasText: 'paused' }).waitFor();
  expect(await page.getByRole('alert').count()).toBe(0);
});

it('begins with the chart and what happened last in sight, and scrolls its history alone where that is a list beside it', async () => {
  const { page } = visitor;
  onTestFinished(() => page.setViewportSize({ width: 1280, height: 720 }));
  const { uuid } = await stage.cloud.create({ name: 'long' });
  await stage.cloud.until(uuid, ({ vmState }) => vmState === 'active');
  const shown = moments().locator('[aria-current]');
  const title = page.getByRole('heading', { level: 1 });
  const topOf = async (element: typeof title) => (await element.boundingBox())?.y;
  await visitor.go('/charts');
  await page.setViewportSize({ width: 390, height: 844 });
  await visitor.go(`/instances/${uuid}/chart`);
  await shown.filter({ hasText: 'running' }).waitFor();
  await untilDrawn(page);
  expect(await topOf(title)).toBeGreaterThan(0);
  expect(await topOf(shown)).toBeLessThan(844);
  expect(await page.getByRole('list', { name: 'Colours' }).isVisible()).toBe(true);
  const first = page.getByRole('button', { name: 'First' });
  await first.press('Enter');
  await shown.filter({ hasText: 'asked: create' }).waitFor();
  await untilDrawn(page);
  expect(await topOf(title)).toBeGreaterThan(0);
  expect(await topOf(shown)).toBeGreaterThan(844);

  await visitor.go('/charts');
  await page.setViewportSize({ width: 1280, height: 400 });
  await visitor.go(`/instances/${uuid}/chart`);
  await shown.filter({ hasText: 'running' }).waitFor();
  await untilDrawn(page);
  await first.press('Enter');
  await shown.filter({ hasText: 'asked: create' }).waitFor();
  await untilDrawn(page);
  await expect.poll(() => topOf(shown)).toBeLessThan(400);
  expect(await topOf(title)).toBeGreaterThan(0);
  // Whoever has come to the end is not left without the focus.
  await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('First');
});

it('lights both parts of a host, follows what its operator does, and goes back to what was before the page', async () => {
  const { page } = visitor;
  await visitor.go('/charts/host');
  await page.getByRole('link', { name: /^host1/ }).click();
  await marked('now').toEqual(['hypervisor.up', 'service.enabled']);
  await stage.cloud.client.ask(api.host.disable, { host: 'host1', reason: 'a new disk' });
  await marked('now').toEqual(['hypervisor.up', 'service.disabled']);
  expect(await visitor.look('chart-host')).toEqual([]);

  await page.reload();
  await marked('now').toEqual(['hypervisor.up', 'service.disabled']);
  await page.getByRole('slider', { name: 'Moment' }).press('ArrowLeft');
  await marked('now').toEqual(['hypervisor.up', 'service.enabled']);
  expect(visitor.takeComplaints()).toEqual([]);
});

it('tells the day and the time of what came much later, and of all else how much later it was', async () => {
  const { page } = visitor;
  const begun = Date.UTC(2026, 10, 20, 9, 0, 0);
  const hours = 3_600_000;
  const fact = { host: 'host1', type: 'transition', from: 'stopped enabled' };
  const told = [
    { at: begun, to: 'connecting enabled' },
    { at: begun + 59_900, to: 'up enabled' },
    { at: begun + 80 * hours, to: 'stopped enabled' },
    { at: begun + 80 * hours + 864, to: 'connecting enabled' },
  ];
  const facts = told.map((each, index) => ({ sequence: index + 1, fact: { ...fact, ...each } }));
  await page.route('**/api/v1/host/facts', (route) => {
    const isFirst = !('marker' in (route.request().postDataJSON() as object));
    return route.fulfill({ json: { facts: isFirst ? facts : [] } });
  });
  await visitor.go('/charts');
  await visitor.go('/charts/host/host1');
  await expect.poll(() => moments().locator('time').count()).toBe(2);
  const read = await moments()
    .locator('time')
    .evaluateAll((all) => all.map((each) => each.getAttribute('datetime')));
  expect(read).toEqual([begun + 80 * hours, begun].map((at) => new Date(at).toISOString()));
  expect(await moments().locator('.when').allTextContents()).toEqual(['+864 ms', '+0 ms', '+59.9 s', '+0 ms']);
  await page.unroute('**/api/v1/host/facts');
  expect(visitor.takeComplaints()).toEqual([]);
});

it('asks for nothing of a host that is not for whoever looks, and says for whom it is', async () => {
  const member = await stage.enterAs(await memberOf(stage.cloud, 'shop'), '/charts/host/host1');
  await member.page.locator('.chart [data-state="service.enabled"]').waitFor();
  await member.page.getByText('Whose state this is, administrators see.').waitFor();
  expect(await member.page.getByRole('alert').count()).toBe(0);
  expect(member.takeComplaints()).toEqual([]);
});

/** The instance whose chart it is. */
function shown(): string {
  const [, uuid = ''] = /instances\/([^/]+)\/chart/.exec(visitor.page.url()) ?? [];
  return uuid;
}
