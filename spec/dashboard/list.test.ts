/** The list of instances in the browser: found, sorted, chosen by mouse, finger and keys, and told many at once what to do. */
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import type { Visitor } from '../support/browser.ts';
import { memberOf, type Stage, startStage } from './support.ts';

const phone = { width: 390, height: 844 };

let stage: Stage;
/** Of project shop. */
let shop: string;

beforeAll(async () => {
  stage = await startStage();
  shop = await memberOf(stage.cloud, 'shop');
  await stage.cloud.client.ask(api.quota.set, { projectId: 'shop', instances: -1, vcpus: -1, memoryMb: -1 });
});

afterAll(() => stage?.stop());

/** By the client, not by the page. Resolves when all run; those of greater numbers are younger. */
async function launch(...names: string[]): Promise<string[]> {
  const uuids: string[] = [];
  for (const name of names) uuids.push((await stage.cloud.create({ name }, stage.clientOf(shop))).uuid);
  for (const uuid of uuids) await stage.cloud.until(uuid, ({ vmState }) => vmState === 'active');
  return uuids;
}

/** Somebody who sees these alone. */
async function enter(find: string): Promise<Visitor> {
  const visitor = await stage.enterAs(shop, `/instances?find=${find}`);
  onTestFinished(() => visitor.close());
  return visitor;
}

it('lets one after the other be chosen by mouse and by finger', async () => {
  await launch('touch-1', 'touch-2');
  const visitor = await enter('touch');
  const { page } = visitor;
  for (const viewport of [{ width: 1280, height: 720 }, phone]) {
    await page.setViewportSize(viewport);
    for (const name of ['touch-1', 'touch-2']) {
      const box = page.getByLabel(`Choose ${name}`);
      for (const isChosen of [true, false, true]) {
        await box.click();
        expect(await box.isChecked()).toBe(isChosen);
      }
    }
    await page.getByText('2 instances chosen').waitFor();
    await page.getByLabel('Choose all that are active').click();
    await page.getByText('2 instances chosen').waitFor({ state: 'detached' });
  }
  expect(visitor.takeComplaints()).toEqual([]);
});

it('is walked through by keys, and tells many at once what to do', async () => {
  await launch('batch-1', 'batch-2', 'batch-3');
  const visitor = await stage.enterAs(shop, '/instances');
  onTestFinished(() => visitor.close());
  const { page } = visitor;
  await page.getByRole('link', { name: 'batch-3' }).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('batch');
  await page.getByRole('button', { name: 'All 3' }).waitFor();
  await expect.poll(() => new URL(page.url()).search).toBe('?find=batch');

  const grid = page.getByRole('grid', { name: 'Instances' });
  await grid.focus();
  await page.keyboard.press('End');
  await page.keyboard.press('Space');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Space');
  await page.getByText('2 instances chosen').waitFor();
  const isMixed = (label: string) =>
    page
      .getByLabel(label, { exact: true })
      .evaluate((box) => (box as unknown as { indeterminate: boolean }).indeterminate);
  expect(await Promise.all(['Choose all', 'Choose all that are active', 'Choose batch-2'].map(isMixed))).toEqual([
    true,
    true,
    false,
  ]);
  expect(await visitor.look('instances-chosen')).toEqual([]);
  await page.getByRole('searchbox').fill('batch-1');
  await page.getByText('2 instances chosen, 1 of them not in this list').waitFor();
  await page.getByRole('searchbox').fill('batch');
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  const question = page.getByRole('dialog', { name: 'Stop 2 instances?' });
  await expect.poll(() => question.getByRole('listitem').allTextContents()).toEqual(['batch-2', 'batch-1']);
  await question.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('button', { name: 'stopped 2' }).waitFor();

  await grid.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowDown');
  // What comes to stand above it does not push another under the keys.
  await launch('batch-4');
  await page.getByRole('link', { name: 'batch-4' }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'batch-3' }).waitFor();
  expect(visitor.takeComplaints()).toEqual([]);
});

it('is sorted on a phone, too', async () => {
  await launch('sorted-1', 'sorted-2', 'sorted-10');
  const visitor = await enter('sorted');
  const { page } = visitor;
  await page.setViewportSize(phone);
  const names = () => page.locator('.grid .name a').allTextContents();
  await page.getByLabel('By state').uncheck();
  await page.getByLabel('Sort by').selectOption('Name');
  await expect.poll(names).toEqual(['sorted-1', 'sorted-2', 'sorted-10']);
  await page.getByRole('button', { name: 'Descending' }).click();
  await expect.poll(names).toEqual(['sorted-10', 'sorted-2', 'sorted-1']);
  expect(visitor.takeComplaints()).toEqual([]);
});

it('tells which of many could not be told so, and why, until that was seen', async () => {
  const [refused] = await launch('many-1', 'many-2');
  const other = await stage.browser.open(stage.web.origin);
  onTestFinished(() => other.close());
  const { page } = other;
  await page.clock.install();
  await other.signIn(shop, '/instances?find=many');
  const failure = { code: 'conflict', message: 'not today', disposition: 'abort' };
  await page.route('**/api/v1/instance/delete', (route) => {
    const { uuid } = route.request().postDataJSON() as { uuid: string };
    return uuid === refused ? route.fulfill({ status: 409, json: { failure } }) : route.continue();
  });
  await page.getByLabel('Choose all', { exact: true }).check();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  const question = page.getByRole('dialog', { name: 'Delete 2 instances?' });
  await question.getByRole('button', { name: 'Delete' }).click();
  await question.waitFor({ state: 'detached' });
  const told = page.getByRole('region', { name: 'Messages' });
  await page.clock.runFor(60_000);
  await told.getByText('Delete: many-1: not today').waitFor();
  await told.getByRole('button', { name: /^Dismiss: .*not today/ }).click();
  await told.getByText('not today').waitFor({ state: 'detached' });
  expect(other.takeComplaints()).toEqual([]);
});

it('keeps the focus near when what has it goes away', async () => {
  await launch('focus-1');
  const visitor = await enter('focus');
  const { page } = visitor;
  const focused = () => page.evaluate('document.activeElement.ariaLabel');
  await page.getByLabel('Choose focus-1').click();
  await page.getByRole('button', { name: 'Stop', exact: true }).press('Enter');
  await page.getByRole('button', { name: 'Start', exact: true }).waitFor();
  await expect.poll(focused).toBe('What those that are chosen may be told');
  await page.getByRole('button', { name: 'Choose none' }).press('Enter');
  await expect.poll(focused).toBe('Instances');
  expect(visitor.takeComplaints()).toEqual([]);
});

it('has the keys go on where a row was, when that is deleted', async () => {
  const [, uuid = ''] = await launch('keys-1', 'keys-2', 'keys-3');
  const visitor = await enter('keys');
  const { page } = visitor;
  await page.getByLabel('By state').click();
  await page.getByRole('grid', { name: 'Instances' }).focus();
  await page.keyboard.press('ArrowDown');
  // It pushes the row further down.
  await launch('keys-4');
  await page.getByRole('link', { name: 'keys-4' }).waitFor();
  await stage.clientOf(shop).ask(api.instance.delete, { uuid });
  await page.getByRole('link', { name: 'keys-2' }).waitFor({ state: 'detached' });
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'keys-1' }).waitFor();
  expect(visitor.takeComplaints()).toEqual([]);
});

it('looks for nothing any more in another project', async () => {
  const { client } = stage.cloud;
  await client.ask(api.project.create, { id: 'blog', name: 'The blog' });
  await client.ask(api.user.create, { id: 'mary', name: 'Mary', password: 'correct horse battery' });
  for (const projectId of ['shop', 'blog']) await client.ask(api.user.grant, { id: 'mary', projectId, role: 'member' });
  const { secret } = await client.ask(api.token.create, { userId: 'mary', projectId: 'shop' });
  const visitor = await stage.enterAs(secret, '/instances?find=press&state=error');
  onTestFinished(() => visitor.close());
  const { page } = visitor;
  expect(await page.getByRole('searchbox').inputValue()).toBe('press');
  await page.getByLabel('Project', { exact: true }).selectOption('The blog');
  await page.getByText('There are no instances in The blog.').waitFor();
  expect(new URL(page.url()).search).toBe('');
  expect(await page.getByRole('searchbox').inputValue()).toBe('');
  expect(visitor.takeComplaints()).toEqual([]);
});
