/** What changes an instance in the browser, on one of its hosts or to another, and what an operator is told went wrong. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CreateInstance } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { computeCasts } from '../../transport/messages/internal.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { enqueue } from '../../transport/nats/cast.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import type { Visitor } from '../support/browser.ts';
import { memberOf, type Stage, startStage, steadyPulse } from './support.ts';

let stage: Stage;
/** Of project shop. */
let shop: string;
let visitor: Visitor;

beforeAll(async () => {
  stage = await startStage({ hosts: [{ name: 'host1' }], pulse: steadyPulse });
  shop = await memberOf(stage.cloud, 'shop');
  visitor = await stage.enterAs(shop, '/launch');
});

afterAll(() => stage?.stop());

function button(name: string) {
  return visitor.page.getByRole('button', { name, exact: true });
}

/** Goes to the page of an instance of its own, that runs. */
async function showOne(name: string, more: Partial<CreateInstance> = {}): Promise<string> {
  const { uuid } = await stage.cloud.create({ name, ...more }, stage.clientOf(shop));
  await stage.cloud.until(uuid, ({ vmState }) => vmState === 'active');
  await visitor.go(`/instances/${uuid}`);
  await untilState(/^active$/);
  return uuid;
}

/** Of the instance that is shown. */
function untilState(state: RegExp): Promise<void> {
  return visitor.page.locator('.page-head .state', { hasText: state }).waitFor();
}

it('launches with the address that was asked for', async () => {
  const { page } = visitor;
  const { subnets } = await stage.cloud.client.ask(api.subnet.list, {});
  const wanted = subnets[0]?.cidr.replace(/\d+\/\d+$/, '77') ?? '';
  await page.getByLabel('Name', { exact: true }).fill('web-1');
  await page.getByText('Fixed addresses').click();
  const address = page.getByLabel(/^Address in /);
  await address.fill('somewhere');
  await button('Launch').click();
  await page.getByText(/^Allowed here: an IPv4 address/).waitFor();
  await expect.poll(() => page.evaluate('document.activeElement.labels?.[0].textContent')).toMatch(/^Address in /);
  expect(await visitor.look('launch-address')).toEqual([]);
  await address.fill(wanted);
  await button('Launch').click();
  await page.getByRole('definition').getByText(wanted).waitFor();
  await untilState(/^active$/);
  expect(visitor.takeComplaints()).toEqual([]);
});

it('renames an instance, and changes its metadata', async () => {
  const { page } = visitor;
  await showOne('web-2');
  await button('Edit').click();
  const form = page.getByRole('dialog', { name: 'Edit web-2' });
  await form.getByLabel('Name', { exact: true }).fill('');
  await form.getByRole('button', { name: 'Save' }).click();
  await form.getByText('This is required.').waitFor();
  await form.getByLabel('Name', { exact: true }).fill('shop-front');
  await form.getByLabel('Name 1').fill('tier');
  await form.getByLabel('Value 1').fill('front');
  await form.getByLabel('Name 2').fill('owner');
  await form.getByLabel('Value 2').fill('mary');
  expect(await visitor.look('instance-edit')).toEqual([]);
  await form.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'shop-front' }).waitFor();
  await page.getByRole('definition').getByText('mary').waitFor();

  await button('Edit').click();
  const again = page.getByRole('dialog', { name: 'Edit shop-front' });
  await again.getByLabel('Name 2').fill('tier');
  await again.getByRole('button', { name: 'Save' }).click();
  await again.getByText('“tier” has more than one line.').waitFor();
  await again.getByLabel('Name 2').fill('');
  await again.getByLabel('Value 2').fill('');
  await again.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('definition').getByText('mary').waitFor({ state: 'detached' });
  const { instances } = await stage.clientOf(shop).ask(api.instance.list, { name: 'shop-front' });
  expect(instances).toMatchObject([{ name: 'shop-front', hostname: 'web-2', metadata: { tier: 'front' } }]);
  expect(visitor.takeComplaints()).toEqual([]);
});

it('leaves what somebody else has changed meanwhile, and what is saved does not touch', async () => {
  const { page } = visitor;
  const client = stage.clientOf(shop);
  const uuid = await showOne('web-3', { metadata: { tier: 'front' } });
  await button('Edit').click();
  const form = page.getByRole('dialog', { name: 'Edit web-3' });
  await form.getByLabel('Value 1').fill('back');
  await client.ask(api.instance.update, { uuid, name: 'shop-window' });
  await form.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('definition').getByText('back').waitFor();

  await button('Edit').click();
  const again = page.getByRole('dialog', { name: 'Edit shop-window' });
  await again.getByLabel('Name', { exact: true }).fill('shop-door');
  await again.getByLabel('Name 2').fill('owner');
  await again.getByLabel('Value 2').fill('mary');
  await client.ask(api.instance.update, { uuid, metadata: { tier: 'side' } });
  await again.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'shop-door' }).waitFor();
  const { instance } = await client.ask(api.instance.get, { uuid });
  expect(instance).toMatchObject({ name: 'shop-door', metadata: { tier: 'side', owner: 'mary' } });
  expect(visitor.takeComplaints()).toEqual([]);
});

it('gives an instance another flavor, and keeps it when that is confirmed', async () => {
  const { page } = visitor;
  await showOne('web-4');
  await button('Resize').click();
  const question = page.getByRole('dialog', { name: 'Resize web-4?' });
  await question.getByRole('button', { name: 'Resize' }).click();
  await question.getByText('Choose one.').waitFor();
  await expect.poll(() => page.evaluate('document.activeElement.labels?.[0].textContent.trim()')).toBe('Flavor');
  await question.getByLabel('Flavor').selectOption('m1.tiny');
  expect(await visitor.look('instance-resize')).toEqual([]);
  await question.getByRole('button', { name: 'Resize' }).click();
  await button('Confirm resize').click();
  await untilState(/^active$/);
  await page.getByRole('definition').getByText('m1.tiny').waitFor();
  await button('Confirm resize').waitFor({ state: 'detached' });
  expect(visitor.takeComplaints()).toEqual([]);
});

it('makes the disk of an instance anew after a question', async () => {
  const { page } = visitor;
  await showOne('web-5');
  await button('Rebuild').click();
  const question = page.getByRole('dialog', { name: 'Rebuild web-5?' });
  await question.getByText('everything that was written to it is lost').waitFor();
  await question.getByLabel('Image').selectOption('simulated');
  await question.getByRole('button', { name: 'Rebuild' }).click();
  await page.getByRole('heading', { name: 'rebuild success' }).waitFor();
  await untilState(/^active$/);
  expect(visitor.takeComplaints()).toEqual([]);
});

it('evacuates an instance for an administrator, once its host is down', async () => {
  const { client } = stage.cloud;
  const link = await stage.cloud.addDistantHost({ name: 'host2' });
  await client.ask(api.host.disable, { host: 'host1', reason: 'so that it comes to host2' });
  const { uuid } = await stage.cloud.create({ name: 'stranded' }, stage.clientOf(shop));
  await stage.cloud.until(uuid, ({ vmState, host }) => vmState === 'active' && host === 'host2');
  await client.ask(api.host.enable, { host: 'host1' });
  await visitor.go(`/instances/${uuid}`);
  const admin = await stage.enterAs(stage.cloud.token, `/instances/${uuid}`);
  const offeredTo = ({ page }: Visitor) =>
    page.getByRole('group', { name: 'What stranded may be told' }).getByRole('button').allTextContents();
  await expect.poll(() => offeredTo(admin)).toContain('Stop');
  expect(await offeredTo(admin)).not.toContain('Evacuate');

  link.cut();
  await expect.poll(() => offeredTo(admin)).toEqual(['Evacuate', 'Delete', 'Lock', 'Edit']);
  await visitor.page.reload();
  await expect.poll(() => offeredTo(visitor)).toEqual(['Delete', 'Lock', 'Edit']);
  expect(await admin.look('instance-lost')).toEqual([]);
  await admin.page.getByRole('button', { name: 'Evacuate' }).click();
  await admin.page
    .getByRole('dialog', { name: 'Evacuate stranded?' })
    .getByRole('button', { name: 'Evacuate' })
    .click();
  await admin.page.getByRole('definition').getByText('host1').waitFor();
  await admin.page.locator('.page-head .state', { hasText: /^active$/ }).waitFor();
  expect([...admin.takeComplaints(), ...visitor.takeComplaints()]).toEqual([]);
});

it('tells an operator what could not be applied, who has it sent again, or thrown away', async () => {
  const operator = await stage.enterAs(stage.cloud.token, '/hosts');
  const { page } = operator;
  await page.getByText('Every message between the parts was applied.').waitFor();
  const { bus, chance } = stage.cloud.runtime;
  const subject = subjects.computeCast('host1', computeCasts.commandInstance.name);
  await enqueue(bus, subject, '{"uuid":"nobody"}', { id: chance.uuid(), context: newContext() });
  const letter = page.getByRole('row', { name: /command_instance to compute-host1/ });
  await letter.waitFor();
  const alarms = page.getByRole('region', { name: 'Alarms' });
  await expect.poll(() => alarms.getByRole('listitem').count()).toBe(1);
  await alarms.getByText('command_instance').waitFor();
  expect(await operator.look('hosts-alarms')).toEqual([]);

  await letter.getByRole('button', { name: /^Replay/ }).click();
  await page.getByRole('dialog', { name: 'Replay command_instance?' }).getByRole('button', { name: 'Replay' }).click();
  // It cannot be applied this time either.
  await expect.poll(() => alarms.getByRole('listitem').count()).toBe(2);
  await letter.getByRole('button', { name: /^Delete/ }).click();
  await page.getByRole('dialog', { name: 'Delete command_instance?' }).getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Every message between the parts was applied.').waitFor();
  expect(operator.takeComplaints()).toEqual([]);
});
