/** Key pairs, images, hosts and the overview in the browser. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { maxChunkBytes } from '../../transport/messages/api/image.ts';
import { api } from '../../transport/messages/api.ts';
import type { Page, Visitor } from '../support/browser.ts';
import { type Stage, startStage, steadyPulse } from './support.ts';

let stage: Stage;
let visitor: Visitor;

beforeAll(async () => {
  stage = await startStage({
    hosts: [{ name: 'host1' }, { name: 'host2', zone: 'west', capacity: { vcpus: 8, memoryMb: 8192, diskGb: 100 } }],
    pulse: steadyPulse,
  });
  visitor = await stage.enterAs(stage.cloud.token, '/key-pairs');
});

afterAll(() => stage?.stop());

it('shows the private key of a new pair once, lets it be kept, and asks whoever has not', async () => {
  const { page } = visitor;
  await page.getByRole('button', { name: 'Add key pair' }).click();
  await page.getByRole('button', { name: 'Make', exact: true }).click();
  await page.getByText('This is required.').waitFor();
  await page.getByLabel('Name', { exact: true }).fill('laptop');
  expect(await visitor.look('key-pair-new')).toEqual([]);
  await page.getByRole('button', { name: 'Make', exact: true }).click();
  const shown = page.getByRole('dialog', { name: 'Private key of laptop' });
  const privateKey = (await shown.locator('pre').textContent()) ?? '';
  expect(privateKey).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----\n/);
  expect(await visitor.look('key-pair-private')).toEqual([]);
  const [asked] = await Promise.all([
    page.waitForEvent('dialog'),
    page.evaluate('void setTimeout(() => location.reload())'),
  ]);
  expect(asked.type()).toBe('beforeunload');
  await asked.dismiss();
  await page.keyboard.press('Escape');
  const question = page.getByRole('dialog', { name: 'Close without the private key?' });
  await question.waitFor();
  expect(await visitor.look('key-pair-leaving')).toEqual([]);
  await page.keyboard.press('Escape');
  await question.waitFor({ state: 'detached' });
  expect(await shown.locator('pre').textContent()).toBe(privateKey);
  const [download] = await Promise.all([page.waitForEvent('download'), shown.getByText('Download').click()]);
  expect(download.suggestedFilename()).toBe('laptop.pem');
  // As a page over plain HTTP from elsewhere has none.
  await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
  await shown.getByRole('button', { name: 'Copy' }).click();
  await page.getByText('the key is selected').waitFor();
  expect(await page.evaluate('String(getSelection()).trim()')).toBe(privateKey.trim());
  await shown.getByRole('button', { name: 'Done' }).click();

  await page.getByRole('row', { name: /laptop/ }).waitFor();
  expect(await visitor.look('key-pairs')).toEqual([]);
  await page.reload();
  await page.getByRole('row', { name: /laptop/ }).waitFor();
  expect(await page.content()).not.toContain('PRIVATE KEY');

  await page.getByRole('button', { name: 'Add key pair' }).click();
  await page.getByLabel('Name', { exact: true }).fill('lost');
  await page.getByRole('button', { name: 'Make', exact: true }).click();
  await page.getByRole('button', { name: 'Done' }).click();
  await question.getByRole('button', { name: 'Close without it' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect(visitor.takeComplaints()).toEqual([]);
});

it('goes on showing a private key that nobody kept when the browser goes back, and asks', async () => {
  const { page } = visitor;
  await visitor.go('/images');
  await visitor.go('/key-pairs');
  await page.getByRole('button', { name: 'Add key pair' }).click();
  await page.getByLabel('Name', { exact: true }).fill('left');
  await page.getByRole('button', { name: 'Make', exact: true }).click();
  const shown = page.getByRole('dialog', { name: 'Private key of left' });
  await shown.waitFor();
  await page.goBack();
  await expect.poll(() => page.title()).toBe('Images · Kilonova');
  await shown.waitFor();
  await page.keyboard.press('Escape');
  const question = page.getByRole('dialog', { name: 'Close without the private key?' });
  await question.getByRole('button', { name: 'Cancel' }).click();
  await Promise.all([page.waitForEvent('download'), shown.getByText('Download').click()]);
  await shown.getByRole('button', { name: 'Done' }).click();
  await shown.waitFor({ state: 'detached' });
  await page.goForward();
  await page.getByRole('row', { name: /left/ }).waitFor();
  expect(visitor.takeComplaints()).toEqual([]);
});

it('imports a public key, and deletes it after a question', async () => {
  const { page } = visitor;
  const { keyPair } = await stage.cloud.client.ask(api.keyPair.get, { name: 'laptop' });
  await page.getByRole('button', { name: 'Add key pair' }).click();
  await page.getByLabel('Import a public key').check();
  await page.getByLabel('Name', { exact: true }).fill('imported');
  await page.getByLabel('Public key', { exact: true }).fill('nonsense');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await expect.poll(() => page.getByLabel('Public key', { exact: true }).getAttribute('aria-invalid')).toBe('true');
  await page.getByText('This is not an OpenSSH public key.').waitFor();
  await page.getByLabel('Name', { exact: true }).fill('laptop');
  await page.getByLabel('Public key', { exact: true }).fill(keyPair.publicKey);
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByText('There is a key pair "laptop" already.', { exact: true }).waitFor();
  await page.getByLabel('Name', { exact: true }).fill('imported');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByRole('button', { name: 'Delete imported' }).click();
  const question = page.getByRole('dialog', { name: 'Delete key pair imported?' });
  await question.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('row', { name: /imported/ }).waitFor({ state: 'detached' });
  expect(visitor.takeComplaints()).toEqual([]);
});

it('says what is refused of no field that it has, until the form is another, and tells whoever has left it', async () => {
  const { page } = visitor;
  const add = page.getByRole('button', { name: 'Add key pair' });
  const form = page.getByRole('dialog', { name: 'Add key pair' });
  const hasFocus = () => page.evaluate('document.activeElement.textContent.trim()');
  await add.click();
  await form.getByRole('button', { name: 'Cancel' }).click();
  await expect.poll(hasFocus).toBe('Add key pair');

  const failure = { code: 'conflict', message: 'it is not to be', disposition: 'abort', details: { field: '/type' } };
  const goOn = Promise.withResolvers<void>();
  let asked = 0;
  await page.route('**/api/v1/key-pair/create', async (route) => {
    if (++asked > 1) await goOn.promise;
    await route.fulfill({ status: 409, json: { failure } });
  });
  await add.click();
  await form.getByLabel('Name', { exact: true }).fill('refused');
  await form.getByRole('button', { name: 'Make', exact: true }).click();
  await form.getByRole('alert').getByText('It is not to be.').waitFor();
  await form.getByLabel('Name', { exact: true }).fill('refused-2');
  await form.getByRole('alert').waitFor({ state: 'detached' });
  const isAsked = page.waitForRequest('**/api/v1/key-pair/create');
  await form.getByRole('button', { name: 'Make', exact: true }).click();
  await isAsked;
  await page.keyboard.press('Escape');
  await form.waitFor({ state: 'detached' });
  goOn.resolve();
  const told = page.getByRole('region', { name: 'Messages' });
  await told.getByText('it is not to be').waitFor();
  await told.getByRole('button', { name: 'Dismiss: it is not to be' }).click();
  await page.unroute('**/api/v1/key-pair/create');
  expect(visitor.takeComplaints()).toEqual([]);
});

it('uploads an image in chunks, and deletes it', async () => {
  const { page } = visitor;
  const disk = Buffer.alloc(2 * maxChunkBytes + 77, 'kilonova');
  await visitor.go('/images');
  await page.getByRole('button', { name: 'Upload image' }).click();
  await page.getByLabel('File').setInputFiles({ name: 'tiny.img', mimeType: 'application/octet-stream', buffer: disk });
  await expect.poll(() => page.getByLabel('Name', { exact: true }).inputValue()).toBe('tiny');
  expect(await visitor.look('image-new')).toEqual([]);
  // What nobody answers is sent again.
  const failure = { code: 'unavailable', message: 'busy', disposition: 'retry' };
  let chunks = 0;
  await page.route('**/api/v1/image/upload', (route) =>
    ++chunks > 1 ? route.continue() : route.fulfill({ status: 408, json: { failure } }),
  );
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  await page.getByRole('button', { name: 'tiny', exact: true }).click();
  await page.getByText(createHash('sha256').update(disk).digest('hex')).waitFor();
  expect(await visitor.look('image')).toEqual([]);
  await page.getByRole('button', { name: 'Close' }).click();
  const { image } = await stage.cloud.client.ask(api.image.get, { image: 'tiny' });
  expect(image).toMatchObject({ status: 'active', diskFormat: 'raw', missing: [], disk: { size: disk.length } });

  await page.getByRole('button', { name: 'Delete tiny' }).click();
  expect(await visitor.look('images')).toEqual([]);
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'tiny', exact: true }).waitFor({ state: 'detached' });
  expect(visitor.takeComplaints()).toEqual([]);
});

it('disables a host with a reason, drains it, and enables it again', async () => {
  const { page } = visitor;
  await visitor.go('/hosts');
  await page.getByRole('button', { name: 'Disable host2' }).click();
  const question = page.getByRole('dialog', { name: 'Disable host host2?' });
  await question.getByLabel('Reason').fill('new memory');
  await question.getByRole('button', { name: 'Disable' }).click();
  const row = page.getByRole('row', { name: /host2/ });
  await row.getByText('disabled').waitFor();
  await row.getByText('new memory').waitFor();
  // The button that had the focus is gone.
  await expect.poll(() => page.evaluate('document.activeElement.ariaLabel')).toBe('What host2 may be told');
  expect(await visitor.look('hosts')).toEqual([]);
  await page.getByRole('button', { name: 'Drain host2' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click();
  await row.getByText('draining').waitFor();
  await page.getByRole('button', { name: 'Enable host2' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Enable' }).click();
  await row.getByText('up', { exact: true }).waitFor();
  expect(visitor.takeComplaints()).toEqual([]);
});

it('shows a host that is down, and has its instances evacuated', async () => {
  const { client } = stage.cloud;
  const link = await stage.cloud.addDistantHost({ name: 'host3' });
  await client.ask(api.host.disable, { host: 'host1', reason: 'so that it comes to host3' });
  const { uuid } = await stage.cloud.create({ name: 'stranded', availabilityZone: 'nova' });
  await stage.cloud.until(uuid, ({ vmState, host }) => vmState === 'active' && host === 'host3');
  await client.ask(api.host.enable, { host: 'host1' });
  link.cut();
  const { page } = visitor;
  await page.getByRole('button', { name: 'Evacuate host3' }).click();
  await page.getByText('1 instance will be made anew on other hosts.').waitFor();
  expect(await visitor.look('host-evacuate')).toEqual([]);
  await page.getByRole('dialog').getByRole('button', { name: 'Evacuate' }).click();
  await stage.cloud.until(uuid, ({ vmState, host }) => vmState === 'active' && host !== 'host3');
  await page.getByRole('button', { name: 'Delete host3' }).waitFor();
  expect(visitor.takeComplaints()).toEqual([]);
});

it('shows figures that come later than they are asked for again', async () => {
  const late = await stage.browser.open(stage.web.origin);
  const { page } = late;
  await page.clock.install();
  const asked: (() => void)[] = [];
  await page.route('**/statistics', async (route) => {
    await new Promise<void>((resolve) => asked.push(resolve));
    await route.continue();
  });
  await late.signIn(stage.cloud.token, '/overview');
  await expect.poll(() => asked.length).toBe(1);
  await page.clock.runFor(6_000);
  await expect.poll(() => asked.length).toBe(2);
  asked[0]?.();
  await page.getByText('Time to run, median').waitFor();
  expect(late.takeComplaints()).toEqual([]);
});

it('shows how the cloud is: hosts, states, launches and the time that they took', async () => {
  const { page } = visitor;
  const { client } = stage.cloud;
  await client.ask(api.flavor.create, { id: 'huge', name: 'huge', vcpus: 1024, memoryMb: 1, rootGb: 0 });
  await client.ask(api.quota.set, { projectId: 'admin', vcpus: -1 });
  await stage.cloud.create({ name: 'too-large', flavor: 'huge' });
  await visitor.go('/overview');
  const failures = page.getByRole('region', { name: /^Failures/ });
  await failures.getByRole('row', { name: 'no_valid_host 1' }).waitFor();
  const times = page.getByRole('region', { name: /^Time in each state/ });
  await times.getByRole('row', { name: /^networking .* ms .* ms .* ms$/ }).waitFor();
  await page.getByLabel('Launch', { exact: true }).selectOption(await optionOf(page, 'stranded'));
  await page.getByRole('region', { name: 'Latest launches' }).getByRole('rowheader', { name: 'networking' }).waitFor();
  await page
    .getByRole('region', { name: /^Hosts/ })
    .getByRole('row', { name: /^host1 up/ })
    .waitFor();
  expect(await visitor.look('overview-failures')).toEqual([]);
  await page.getByRole('link', { name: 'error' }).click();
  await page.getByRole('button', { name: 'error 1', pressed: true }).waitFor();
  await page.getByRole('link', { name: 'too-large' }).waitFor();
  expect(visitor.takeComplaints()).toEqual([]);
});

it('ends an overview on a narrow screen where its content ends, also with a long name in it', async () => {
  const narrow = await stage.browser.open(stage.web.origin);
  const { page } = narrow;
  await page.setViewportSize({ width: 390, height: 844 });
  const { uuid } = await stage.cloud.create({ name: `a-${'long-'.repeat(10)}name` });
  await stage.cloud.until(uuid, ({ vmState }) => vmState === 'active');
  await narrow.signIn(stage.cloud.token, '/overview');
  await page.locator('option', { hasText: 'long-long' }).waitFor({ state: 'attached' });
  const [below, beside] = (await page.evaluate(`[
    document.documentElement.scrollHeight - innerHeight,
    document.querySelector('main').scrollWidth - document.querySelector('main').clientWidth,
  ]`)) as number[];
  expect({ below, beside }).toEqual({ below: 0, beside: 0 });
  expect(narrow.takeComplaints()).toEqual([]);
});

async function optionOf(page: Page, name: string): Promise<string> {
  return (await page.locator('option', { hasText: name }).first().getAttribute('value')) ?? '';
}
