/** Key pairs, images, hosts and the overview in the browser. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { maxChunkBytes } from '../../transport/messages/api/image.ts';
import { api } from '../../transport/messages/api.ts';
import type { Page, Visitor } from '../support/browser.ts';
import { quickPulse } from '../support/test-cloud.ts';
import { type Stage, startStage } from './support.ts';

let stage: Stage;
let visitor: Visitor;

beforeAll(async () => {
  stage = await startStage({
    hosts: [{ name: 'host1' }, { name: 'host2', zone: 'west', capacity: { vcpus: 8, memoryMb: 8192, diskGb: 100 } }],
    pulse: quickPulse,
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
  expect(visitor.complaints).toEqual([]);
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
  expect(visitor.complaints).toEqual([]);
});

it('uploads an image in chunks, and deletes it', async () => {
  const { page } = visitor;
  const disk = Buffer.alloc(2 * maxChunkBytes + 77, 'kilonova');
  await visitor.go('/images');
  await page.getByRole('button', { name: 'Upload image' }).click();
  await page.getByLabel('File').setInputFiles({ name: 'tiny.img', mimeType: 'application/octet-stream', buffer: disk });
  await expect.poll(() => page.getByLabel('Name', { exact: true }).inputValue()).toBe('tiny');
  expect(await visitor.look('image-new')).toEqual([]);
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
  expect(visitor.complaints).toEqual([]);
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
  expect(await visitor.look('hosts')).toEqual([]);
  await page.getByRole('button', { name: 'Drain host2' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click();
  await row.getByText('draining').waitFor();
  await page.getByRole('button', { name: 'Enable host2' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Enable' }).click();
  await row.getByText('up', { exact: true }).waitFor();
  expect(visitor.complaints).toEqual([]);
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
  expect(visitor.complaints).toEqual([]);
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
  expect(visitor.complaints).toEqual([]);
});

async function optionOf(page: Page, name: string): Promise<string> {
  return (await page.locator('option', { hasText: name }).first().getAttribute('value')) ?? '';
}
