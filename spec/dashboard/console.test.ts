/** The console of a guest in a real browser. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import type { Page, Visitor } from '../support/browser.ts';
import { memberOf, type Stage, startStage } from './support.ts';

let stage: Stage;
let visitor: Visitor;
let page: Page;
let uuid: string;

beforeAll(async () => {
  stage = await startStage();
  const token = await memberOf(stage.cloud, 'shop');
  ({ uuid } = await stage.cloud.create({ name: 'front' }, stage.clientOf(token)));
  await stage.cloud.until(uuid, ({ state }) => state === 'running');
  visitor = await stage.enterAs(token, `/instances/${uuid}/console`);
  ({ page } = visitor);
});

afterAll(() => stage?.stop());

/** What the terminal shows; its lines are padded. */
async function untilShown(pattern: RegExp): Promise<void> {
  await expect.poll(() => page.locator('.xterm-rows').textContent(), { timeout: 30_000 }).toMatch(pattern);
}

describe('the serial console', () => {
  it('takes what is typed, and shows what comes of it, within the policy of the page', async () => {
    await page.locator('.console[data-standing=open]').waitFor();
    await untilShown(/This guest is simulated/);
    await page.keyboard.type('echo $((6*7)) äß\n');
    await untilShown(/echo \$\(\(6\*7\)\) äß/);
    expect(await visitor.look('console')).toEqual([]);
    expect(await page.evaluate("Object.hasOwn(HTMLSpanElement.prototype, 'setAttribute')")).toBe(true);
    expect(visitor.takeComplaints()).toEqual([]);
  });

  it('is copied from, and pasted to', async () => {
    await page.keyboard.type('echo copied\n');
    await untilShown(/ # echo copied.*copied/);
    const word = page.locator('.xterm-rows > div', { hasText: /^copied/ });
    await word.dblclick({ position: { x: 10, y: 8 }, force: true });
    await page.keyboard.press('Control+Shift+C');
    await page.keyboard.type('echo ');
    await page.keyboard.press('Control+Shift+V');
    await page.keyboard.type('-once\n');
    await untilShown(/ # echo copied-once.*copied-once/);
    // Without anything chosen it is the guest's.
    await page.keyboard.type('never');
    await page.keyboard.press('Control+C');
    await untilShown(/never\^C/);
    expect(visitor.takeComplaints()).toEqual([]);
  });

  it('is read to a screen reader when that is wanted', async () => {
    const told = page.locator('.xterm-accessibility');
    expect(await told.count()).toBe(0);
    await page.getByLabel('For screen readers').check();
    await page.locator('.console').click();
    await page.keyboard.type('echo heard\n');
    await expect.poll(() => told.textContent(), { timeout: 30_000 }).toMatch(/echo heard.*heard/s);
    await page.getByLabel('For screen readers').uncheck();
    await expect.poll(() => told.count()).toBe(0);
    await page.locator('.console').click();
    expect(visitor.takeComplaints()).toEqual([]);
  });

  it('is left by Shift+Tab, and reached again by Tab', async () => {
    const isInside = () => page.evaluate("document.querySelector('.console').contains(document.activeElement)");
    expect(await isInside()).toBe(true);
    await page.keyboard.press('Shift+Tab');
    expect(await isInside()).toBe(false);
    await page.keyboard.press('Tab');
    expect(await isInside()).toBe(true);
  });

  it('says why it has ended, and is opened again', async () => {
    await page.keyboard.type('poweroff\n');
    await page.getByRole('alert').getByText('The guest is off').waitFor();
    await page.getByRole('button', { name: 'Connect again' }).click();
    await page.getByRole('alert').getByText('no running guest').waitFor();
    await stage.cloud.until(uuid, ({ state }) => state === 'stopped');
    await stage.cloud.client.ask(api.instance.start, { uuid });
    await stage.cloud.until(uuid, ({ state }) => state === 'running');
    await page.getByRole('button', { name: 'Connect again' }).click();
    await untilShown(/This guest is simulated/);
    expect(visitor.takeComplaints()).toEqual([]);
  });
});

describe('the screen', () => {
  it('is said to be none of a simulated guest’s', async () => {
    await page.getByRole('button', { name: 'Screen' }).click();
    await page.getByRole('alert').getByText('A simulated guest has no screen').waitFor();
    // What a terminal needs of the page went with it.
    expect(await page.evaluate("Object.hasOwn(HTMLSpanElement.prototype, 'setAttribute')")).toBe(false);
    expect(visitor.takeComplaints()).toEqual([]);
  });
});
