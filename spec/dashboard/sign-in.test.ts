/** Signing in and out of the dashboard, and going to another project. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import type { Visitor } from '../support/browser.ts';
import { eventually } from '../support/test-cloud.ts';
import { type Stage, startStage } from './support.ts';

const password = 'correct horse battery';
let stage: Stage;

beforeAll(async () => {
  stage = await startStage();
  const { client } = stage.cloud;
  await client.ask(api.project.create, { id: 'shop', name: 'The shop' });
  await client.ask(api.project.create, { id: 'blog', name: 'The blog' });
  await client.ask(api.user.create, { id: 'mary', name: 'Mary', password });
  for (const projectId of ['shop', 'blog']) {
    await client.ask(api.user.grant, { id: 'mary', projectId, role: 'member' });
  }
});

afterAll(() => stage?.stop());

async function signIn({ page }: Visitor, secret: string): Promise<void> {
  await page.getByLabel('User').fill('mary');
  await page.getByLabel('Password').fill(secret);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

it('lets in who knows the password, to the page that was asked for, and out again', async () => {
  const visitor = await stage.browser.open(stage.web.origin);
  const { page } = visitor;
  await page.goto('/key-pairs');
  expect(await visitor.look('sign-in')).toEqual([]);

  await signIn(visitor, 'a guess');
  await page.getByRole('alert').waitFor();
  await expect.poll(() => page.getByLabel('Password').inputValue()).toBe('');

  await signIn(visitor, password);
  await visitor.untilLive();
  await page.getByRole('heading', { name: 'Key pairs' }).waitFor();
  expect(await page.getByRole('link', { name: 'Hosts' }).count()).toBe(0);

  await page.reload();
  await visitor.untilLive();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Password').waitFor();
  expect(visitor.complaints).toEqual([]);
});

it('lets in who has a token, until it is revoked', async () => {
  const { token, secret } = await stage.cloud.client.ask(api.token.create, {});
  const visitor = await stage.enterAs(secret, '/images');
  await visitor.page.getByRole('link', { name: 'Hosts' }).waitFor();
  await visitor.page.getByRole('heading', { name: 'Images' }).waitFor();

  // The session has a token of its own, made when the visitor came.
  const { tokens } = await stage.cloud.client.ask(api.token.list, {});
  const made = tokens.filter(({ id, description }) => id !== token.id && description === 'a session in a browser');
  for (const { id } of made) await stage.cloud.client.ask(api.token.revoke, { id });
  await visitor.page.getByRole('link', { name: 'Key pairs' }).click();
  await visitor.page.getByLabel('Password').waitFor();
  expect(new URL(visitor.page.url()).pathname).toBe('/key-pairs');
  expect(visitor.complaints).toEqual([]);
});

it('goes on in another project of the user, and shows what is there', async () => {
  const visitor = await stage.browser.open(stage.web.origin);
  const { page } = visitor;
  await page.goto('/instances');
  await signIn(visitor, password);
  await visitor.untilLive();
  const { secret } = await stage.cloud.client.ask(api.token.create, { userId: 'mary', projectId: 'blog' });
  await stage.cloud.create({ name: 'press' }, stage.clientOf(secret));

  await page.getByText('There are no instances in The shop.').waitFor();
  await page.getByLabel('Project').selectOption({ label: 'The blog' });
  await page.getByRole('link', { name: 'press' }).waitFor();
  await visitor.untilLive();
  // Neither the session before nor the token that was needed on the way is left.
  await eventually(async () => {
    const { tokens } = await stage.cloud.client.ask(api.token.list, { userId: 'mary' });
    return tokens.filter(({ description }) => description !== undefined).length === 1 || undefined;
  });
  expect(visitor.complaints).toEqual([]);
});
