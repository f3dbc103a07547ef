/** Forms in the browser, filled in by keys and mouse: what is refused is mended in them, and what comes of them is told. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import type { Visitor } from '../support/browser.ts';
import { type Stage, startStage } from './support.ts';

let stage: Stage;
let visitor: Visitor;

beforeAll(async () => {
  stage = await startStage();
  visitor = await stage.enterAs(stage.cloud.token, '/launch');
});

afterAll(() => stage?.stop());

it('lets choices be changed after a refusal, by keys and by mouse', async () => {
  const { page } = visitor;
  await stage.cloud.client.ask(api.securityGroup.create, { name: 'web' });
  await visitor.go('/key-pairs');
  await visitor.go('/launch');
  await page.getByRole('button', { name: 'Launch', exact: true }).click();
  await page.getByText('This is required.').waitFor();
  const flavor = page.getByLabel('Flavor');
  const first = await flavor.inputValue();
  await flavor.focus();
  await flavor.press('ArrowDown');
  expect(await flavor.inputValue()).not.toBe(first);
  const group = page.getByLabel('web', { exact: true });
  await group.click();
  expect(await group.isChecked()).toBe(true);

  await visitor.go('/images');
  await page.getByRole('button', { name: 'Upload image' }).click();
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  await page.getByText('Choose a file.').waitFor();
  const isPublic = page.getByLabel('For every project');
  await isPublic.click();
  expect(await isPublic.isChecked()).toBe(true);
  const file = { name: 'tiny.img', mimeType: 'application/octet-stream', buffer: Buffer.from('tiny') };
  await page.getByLabel('File').setInputFiles(file);
  await page.getByText('Choose a file.').waitFor({ state: 'detached' });
  await expect.poll(() => page.getByLabel('Format').inputValue()).toBe('raw');
  await page.keyboard.press('Escape');

  await visitor.go('/key-pairs');
  await page.getByRole('button', { name: 'Add key pair' }).click();
  await page.getByRole('button', { name: 'Make', exact: true }).click();
  await page.getByText('This is required.').waitFor();
  await page.getByLabel('Import a public key').click();
  await page.getByLabel('Public key', { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect(visitor.takeComplaints()).toEqual([]);
});

it('shows the private key also to whoever has left the form', async () => {
  const { page } = visitor;
  await visitor.go('/key-pairs');
  const goOn = Promise.withResolvers<void>();
  await page.route('**/api/v1/key-pair/create', async (route) => {
    await goOn.promise;
    await route.continue();
  });
  await page.getByRole('button', { name: 'Add key pair' }).click();
  await page.getByLabel('Name', { exact: true }).fill('awaited');
  const isAsked = page.waitForRequest('**/api/v1/key-pair/create');
  await page.getByRole('button', { name: 'Make', exact: true }).click();
  await isAsked;
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  goOn.resolve();
  const shown = page.getByRole('dialog', { name: 'Private key of awaited' });
  await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: { writeText: async () => {} } })");
  await shown.getByRole('button', { name: 'Copy' }).click();
  await shown.getByText('It is copied.').waitFor();
  await shown.getByRole('button', { name: 'Done' }).click();
  await page.unroute('**/api/v1/key-pair/create');

  // What came of a dialog is told when nothing keeps anybody from hearing it.
  await page.evaluate(`
    globalThis.isToldInDialog = [];
    new MutationObserver(() => isToldInDialog.push(document.querySelector('dialog') !== null))
      .observe(document.querySelector('.toasts'), { childList: true });
  `);
  await page.getByRole('button', { name: 'Delete awaited' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Key pair awaited is deleted').waitFor();
  expect(await page.evaluate('isToldInDialog')).toEqual([false]);
  expect(visitor.takeComplaints()).toEqual([]);
});

it('says at its field what the API refuses of a flavor, and at the file that it cannot be read', async () => {
  const { page } = visitor;
  const { uuid } = await stage.cloud.create({ name: 'web-1' });
  await stage.cloud.until(uuid, ({ vmState }) => vmState === 'active');
  await visitor.go(`/instances/${uuid}`);
  const details = { field: '/flavor' };
  const failure = {
    code: 'invalid_request',
    message: 'it is too small (field /flavor)',
    disposition: 'abort',
    details,
  };
  await page.route('**/api/v1/instance/resize', (route) => route.fulfill({ status: 400, json: { failure } }));
  await page.getByRole('button', { name: 'Resize', exact: true }).click();
  const question = page.getByRole('dialog', { name: 'Resize web-1?' });
  const flavor = question.getByLabel('Flavor');
  await flavor.selectOption('m1.tiny');
  await question.getByRole('button', { name: 'Resize' }).click();
  await question.getByText('It is too small.', { exact: true }).waitFor();
  expect(await flavor.getAttribute('aria-invalid')).toBe('true');
  await page.keyboard.press('Escape');
  await page.unroute('**/api/v1/instance/resize');

  await visitor.go('/images');
  await page.getByRole('button', { name: 'Upload image' }).click();
  // As of a file that was deleted meanwhile.
  await page.evaluate("Blob.prototype.arrayBuffer = () => Promise.reject(new DOMException('gone', 'NotFoundError'))");
  const file = { name: 'gone.img', mimeType: 'application/octet-stream', buffer: Buffer.from('gone') };
  await page.getByLabel('File').setInputFiles(file);
  await page.getByText('It cannot be read.').waitFor();
  await page.keyboard.press('Escape');
  expect(visitor.takeComplaints()).toEqual([]);
});

it('keeps each error until it was seen, however many come after it', async () => {
  const { page } = visitor;
  const { uuid } = await stage.cloud.create({ name: 'web-2' });
  await stage.cloud.until(uuid, ({ vmState }) => vmState === 'active');
  await visitor.go(`/instances/${uuid}`);
  let refused = 0;
  await page.route('**/api/v1/instance/lock', (route) => {
    const failure = { code: 'conflict', message: `refused ${++refused}`, disposition: 'abort' };
    return route.fulfill({ status: 409, json: { failure } });
  });
  for (const count of [1, 2, 3, 4, 5]) {
    await page.getByRole('button', { name: 'Lock', exact: true }).click();
    await page.getByText(`refused ${count}`, { exact: true }).waitFor();
  }
  await page.getByText('refused 1', { exact: true }).waitFor();
  expect(visitor.takeComplaints()).toEqual([]);
});
