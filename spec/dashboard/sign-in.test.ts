/** Signing in and out of the dashboard, and going to another project. */
import type { Route, WebSocketRoute } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { maxChunkBytes } from '../../transport/messages/api/image.ts';
import { api } from '../../transport/messages/api.ts';
import type { SessionView } from '../../transport/messages/web.ts';
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
  await page.getByLabel('User', { exact: true }).fill('mary');
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
  expect(visitor.takeComplaints()).toEqual([]);
});

it('asks again who is signed in when the server does not say, and says so meanwhile', async () => {
  const visitor = await stage.browser.open(stage.web.origin);
  const { page } = visitor;
  const failure = { code: 'unavailable', message: 'the cloud is not to be had just now', disposition: 'retry' };
  await page.route('**/session', (route) => route.fulfill({ status: 404, json: { failure } }));
  await page.goto('/images');
  await page.getByRole('alert').getByText('The cloud is not to be had just now.').waitFor();
  await page.unroute('**/session');
  await page.getByLabel('Password').waitFor();
  expect(visitor.takeComplaints()).toEqual([]);
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
  expect(visitor.takeComplaints()).toEqual([]);
});

/** What the server says of whoever signs in: that it is over by now. */
async function signInBriefly(visitor: Visitor, path: string, projectId = 'shop'): Promise<void> {
  const { secret } = await stage.cloud.client.ask(api.token.create, { userId: 'mary', projectId });
  let isFirst = true;
  await visitor.page.route('**/session', async (route) => {
    const response = await route.fetch();
    if (!response.ok() || response.status() === 204 || !isFirst) return route.fulfill({ response });
    isFirst = false;
    const json = (await response.json()) as SessionView;
    await route.fulfill({ response, json: { ...json, expiresAt: new Date().toISOString() } });
  });
  await visitor.signIn(secret, path);
}

async function endSessions(): Promise<void> {
  const { tokens } = await stage.cloud.client.ask(api.token.list, { userId: 'mary' });
  for (const { id, description } of tokens) {
    if (description !== undefined) await stage.cloud.client.ask(api.token.revoke, { id });
  }
}

it('finds a form as it was left when the session had run out, and none when it was ended', async () => {
  const visitor = await stage.browser.open(stage.web.origin);
  const { page } = visitor;
  await signInBriefly(visitor, '/launch');
  const name = page.getByLabel('Name', { exact: true });
  /** A form asks for nothing by itself: the page is told all the same. */
  const endSession = async () => {
    await endSessions();
    await page.getByLabel('Password').waitFor({ timeout: 10_000 });
  };
  await name.fill('half-typed');
  await endSession();
  await expect.poll(() => page.getByRole('heading', { name: 'Launch' }).count()).toBe(0);
  await signIn(visitor, password);
  await visitor.untilLive();
  expect(await name.inputValue()).toBe('half-typed');

  await endSession();
  await signIn(visitor, password);
  await visitor.untilLive();
  await expect.poll(() => name.inputValue()).toBe('');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Password').waitFor();
  expect(visitor.takeComplaints()).toEqual([]);
});

it('finds a dialog as it was left when the session had run out, and what was asked for in vain', async () => {
  const { secret } = await stage.cloud.client.ask(api.token.create, { userId: 'mary', projectId: 'shop' });
  const { uuid } = await stage.cloud.create({ name: 'till' }, stage.clientOf(secret));
  onTestFinished(endSessions);
  onTestFinished(async () => {
    await stage.clientOf(secret).ask(api.instance.delete, { uuid });
    await stage.cloud.until(uuid, ({ vmState }) => vmState === 'deleted');
  });
  await stage.cloud.until(uuid, ({ vmState }) => vmState === 'active');
  const visitor = await stage.browser.open(stage.web.origin);
  const { page } = visitor;
  await signInBriefly(visitor, '/instances');
  const isChosen = page.getByLabel('Choose till');
  await isChosen.click();
  await expect.poll(() => isChosen.isChecked()).toBe(true);
  const goOn = Promise.withResolvers<void>();
  await page.route('**/api/v1/instance/actions', async (route) => {
    await goOn.promise;
    await route.continue();
  });
  await page.getByRole('link', { name: 'till' }).click();
  await page.getByRole('button', { name: 'Edit' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill('till-2');
  await endSessions();
  goOn.resolve();
  await page.getByLabel('Password').waitFor();
  await expect.poll(() => page.title()).toContain('Sign in');
  await expect.poll(() => page.evaluate('document.activeElement.name')).toBe('username');
  expect(await dialog.count()).toBe(0);

  await signIn(visitor, password);
  await visitor.untilLive();
  expect(await dialog.getByLabel('Name', { exact: true }).inputValue()).toBe('till-2');
  await expect.poll(() => page.title()).toBe('till · Kilonova');
  await expect.poll(() => page.evaluate(`document.activeElement.closest('dialog') !== null`)).toBe(true);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('region', { name: 'Events' }).getByRole('listitem').first().waitFor();
  await page.getByRole('link', { name: 'Instances', exact: true }).first().click();
  await expect.poll(() => isChosen.isChecked()).toBe(true);
  expect(visitor.takeComplaints()).toEqual([]);
});

it('finds a form without what was refused only because the session had run out, and sends it then', async () => {
  onTestFinished(endSessions);
  const visitor = await stage.browser.open(stage.web.origin);
  const { page } = visitor;
  await signInBriefly(visitor, '/key-pairs');
  const goOn = Promise.withResolvers<void>();
  await page.route('**/api/v1/key-pair/create', async (route) => {
    await goOn.promise;
    await route.continue();
  });
  await page.getByRole('button', { name: 'Add key pair' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill('stand');
  const isRefused = page.waitForResponse('**/api/v1/key-pair/create');
  await dialog.getByRole('button', { name: 'Make', exact: true }).click();
  await endSessions();
  await page.getByLabel('Password').waitFor();
  goOn.resolve();
  expect((await isRefused).status()).toBe(401);

  await signIn(visitor, password);
  await visitor.untilLive();
  expect(await dialog.getByLabel('Name', { exact: true }).inputValue()).toBe('stand');
  expect(await page.getByRole('alert').count()).toBe(0);
  await dialog.getByRole('button', { name: 'Make', exact: true }).click();
  await page.getByRole('dialog', { name: 'Private key of stand' }).waitFor();
  expect(visitor.takeComplaints()).toEqual([]);
});

it('goes on in another project when the one before is closed to the user by then, and says so', async () => {
  const { client } = stage.cloud;
  onTestFinished(endSessions);
  await client.ask(api.project.create, { id: 'stall', name: 'The stall' });
  const role = { id: 'mary', projectId: 'stall', role: 'member' } as const;
  await client.ask(api.user.grant, role);
  const visitor = await stage.browser.open(stage.web.origin);
  const { page } = visitor;
  await signInBriefly(visitor, '/images', 'stall');
  await client.ask(api.user.revoke, role);
  await page.getByText('Your session has run out.').waitFor();
  await signIn(visitor, password);
  await visitor.untilLive();
  expect(await page.getByLabel('Project').locator('option:checked').textContent()).toBe('The shop');
  await page.getByText('You may not work in The stall any more').waitFor();
  expect(visitor.takeComplaints()).toEqual([]);
});

/** Resolves when a part of the image is on its way, with the function that lets all go on. */
async function beginUpload({ page }: Visitor): Promise<() => void> {
  const isUnderway = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  await page.route('**/api/v1/image/upload', async (route) => {
    isUnderway.resolve();
    await goOn.promise;
    await route.continue();
  });
  await page.getByRole('button', { name: 'Upload image' }).click();
  const file = { name: 'tiny.img', mimeType: 'application/octet-stream', buffer: Buffer.alloc(maxChunkBytes + 7, 'k') };
  await page.getByLabel('File').setInputFiles(file);
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  await isUnderway.promise;
  return goOn.resolve;
}

it('goes on with an upload whose session had run out, in the same project', async () => {
  onTestFinished(endSessions);
  const visitor = await stage.browser.open(stage.web.origin);
  const { page } = visitor;
  await signInBriefly(visitor, '/images', 'blog');
  const goOn = await beginUpload(visitor);
  await endSessions();
  goOn();
  await page.getByText('Your session has run out.').waitFor();
  expect(await visitor.look('sign-in-again')).toEqual([]);
  await signIn(visitor, password);
  await page.getByText('Image tiny is ready to be launched').waitFor();
  expect(await page.getByLabel('Project').locator('option:checked').textContent()).toBe('The blog');
  await page.getByRole('button', { name: 'Delete tiny' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Image tiny is deleted').waitFor();
  expect(visitor.takeComplaints()).toEqual([]);
});

it('tells that an upload ended with the session that somebody has ended', async () => {
  onTestFinished(endSessions);
  const visitor = await stage.browser.open(stage.web.origin);
  await visitor.page.goto('/images');
  await signIn(visitor, password);
  const goOn = await beginUpload(visitor);
  await endSessions();
  goOn();
  await visitor.page.getByLabel('Password').waitFor();
  await visitor.page.getByText('The upload of tiny ended with the session').waitFor();
  expect(visitor.takeComplaints()).toEqual([]);
});

it('is not signed out, nor in the project before, by what is answered of the session before', async () => {
  onTestFinished(endSessions);
  const visitor = await stage.browser.open(stage.web.origin);
  const { page } = visitor;
  const goOn = Promise.withResolvers<void>();
  /** Resolves, when the first such request waits, with the promise of its late answer. */
  const holdFirst = (url: string, method: string, answer: (route: Route) => Promise<() => Promise<void>>) => {
    const held = Promise.withResolvers<{ answered: Promise<void> }>();
    let isFirst = true;
    void page.route(url, async (route) => {
      if (!isFirst || route.request().method() !== method) return route.fallback();
      isFirst = false;
      const fulfil = await answer(route);
      const answered = goOn.promise.then(fulfil);
      held.resolve({ answered });
    });
    return held.promise;
  };
  const failure = { code: 'unauthenticated', message: 'the session is over', disposition: 'abort' };
  let live: WebSocketRoute | undefined;
  await page.routeWebSocket('**/live', (socket) => {
    live = socket;
    socket.connectToServer();
  });
  const isListHeld = holdFirst(
    '**/api/v1/image/list',
    'POST',
    async (route) => () => route.fulfill({ status: 401, json: { failure } }),
  );
  await page.goto('/images');
  await signIn(visitor, password);
  await visitor.untilLive();
  const { answered: listed } = await isListHeld;
  const isSessionHeld = holdFirst('**/session', 'GET', async (route) => {
    const response = await route.fetch();
    return () => route.fulfill({ response });
  });
  live?.close();
  const { answered: resumed } = await isSessionHeld;

  const project = page.getByLabel('Project');
  await project.selectOption({ label: 'The blog' });
  await expect.poll(() => project.locator('option:checked').textContent()).toBe('The blog');
  await visitor.untilLive();
  goOn.resolve();
  await Promise.all([listed, resumed]);
  await page.evaluate(`new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))`);
  expect(await page.getByLabel('Password').count()).toBe(0);
  expect(await project.locator('option:checked').textContent()).toBe('The blog');
  expect(visitor.takeComplaints()).toEqual([]);
});

it('shows of the project that is changed to what is asked for anew, and its name, however late the rest is answered', async () => {
  const { secret } = await stage.cloud.client.ask(api.token.create, { userId: 'mary', projectId: 'shop' });
  await stage.clientOf(secret).ask(api.keyPair.create, { name: 'till' });
  const visitor = await stage.browser.open(stage.web.origin);
  const { page } = visitor;
  await page.goto('/instances?find=press');
  await signIn(visitor, password);
  await visitor.untilLive();
  await page.getByRole('link', { name: 'Key pairs' }).click();
  await page.getByRole('cell', { name: 'till', exact: true }).waitFor();
  const goOn = Promise.withResolvers<void>();
  await page.route('**/api/v1/token/revoke', async (route) => {
    await goOn.promise;
    await route.continue();
  });
  const isListed = page.waitForResponse('**/api/v1/project/list');
  const project = page.getByLabel('Project');
  await project.focus();
  await project.selectOption({ label: 'The blog' });
  await page.getByText('You have no key pairs in this project.').waitFor();
  await isListed;
  const isRevoked = page.waitForResponse('**/api/v1/token/revoke');
  goOn.resolve();
  await isRevoked;
  await page.evaluate(`new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))`);
  expect(await project.locator('option:checked').textContent()).toBe('The blog');
  // Whoever chooses by keys is left where they are.
  await expect.poll(() => page.evaluate('document.activeElement.ariaLabel')).toBe('Project');
  await page.getByRole('link', { name: 'Instances', exact: true }).click();
  expect(await page.getByRole('searchbox').inputValue()).toBe('');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Password').waitFor();
  expect(visitor.takeComplaints()).toEqual([]);
});

it('goes on in another project of the user, and shows what is there', async () => {
  const visitor = await stage.browser.open(stage.web.origin);
  const { page } = visitor;
  await page.goto('/instances?find=till&state=error');
  await signIn(visitor, password);
  await visitor.untilLive();
  const { secret } = await stage.cloud.client.ask(api.token.create, { userId: 'mary', projectId: 'blog' });
  await stage.cloud.create({ name: 'press' }, stage.clientOf(secret));

  await page.getByText('There are no instances in The shop.').waitFor();
  await page.getByLabel('Project').selectOption({ label: 'The blog' });
  await page.getByRole('link', { name: 'press' }).waitFor();
  expect(new URL(page.url()).search).toBe('');
  await visitor.untilLive();
  // Neither the session before nor the token that was needed on the way is left.
  await eventually(async () => {
    const { tokens } = await stage.cloud.client.ask(api.token.list, { userId: 'mary' });
    return tokens.filter(({ description }) => description !== undefined).length === 1 || undefined;
  });
  expect(visitor.takeComplaints()).toEqual([]);
});
