/** One instance in the browser: launched, looked at, told what to do. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
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
  const uuid = await stage.launch(shop, 'web-3');
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
  const uuid = await stage.launch(shop, 'talking');
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
