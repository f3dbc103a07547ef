/**
 * A real browser, Debian's chromium, in front of a web server. Whatever a page complains about (an error in its console, a
 * breach of its content security policy, an exception that nobody caught) is kept, and fails the test that asks for it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { ensureDashboard } from '../../actors/setup/dashboard.ts';

export type { Page } from 'playwright-core';

const executablePath = '/usr/bin/chromium';
/** Ignored by git: for a person to look at. */
const screenshotFolder = fileURLToPath(new URL('../../.screenshots', import.meta.url));
const patienceMs = 30_000;
const axeTags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'];

/** What pages are looked at in. */
export const looks = [
  { name: '1280-light', viewport: { width: 1280, height: 720 }, colorScheme: 'light' },
  { name: '1280-dark', viewport: { width: 1280, height: 720 }, colorScheme: 'dark' },
  { name: '390-light', viewport: { width: 390, height: 844 }, colorScheme: 'light' },
  { name: '390-dark', viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
] as const;

/** Sees to it that the pages are built, too. */
export async function startBrowser(): Promise<TestBrowser> {
  if (!existsSync(executablePath)) throw new Error(`there is no ${executablePath}: npm test installs it`);
  await ensureDashboard(() => {});
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  return new TestBrowser(browser);
}

export class TestBrowser {
  readonly #browser: Browser;

  constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** A window of somebody else: it shares no cookie with the others. */
  async open(origin: string): Promise<Visitor> {
    const context = await this.#browser.newContext({ baseURL: origin, locale: 'en-GB', viewport: looks[0].viewport });
    context.setDefaultTimeout(patienceMs);
    return new Visitor(context, await context.newPage());
  }

  stop(): Promise<void> {
    return this.#browser.close();
  }
}

/** Somebody who looks at the pages. */
export class Visitor {
  readonly page: Page;
  readonly #complaints: string[] = [];
  readonly #context: BrowserContext;

  constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.page = page;
    page.on('pageerror', (error) => this.#complaints.push(`not caught: ${error.stack ?? error.message}`));
    page.on('console', (message) => {
      const isAnswer = message.text().startsWith('Failed to load resource: the server responded with a status of 4');
      const isLost = message.text().includes('ERR_INTERNET_DISCONNECTED');
      if (['error', 'warning'].includes(message.type()) && !isAnswer && !isLost) this.#complaints.push(message.text());
    });
  }

  /** By the form, with a token. Resolves when the page shows that what it shows is live. */
  async signIn(token: string, path = '/'): Promise<void> {
    await this.page.goto(path);
    await this.page.getByRole('button', { name: 'Sign in with a token' }).click();
    await this.page.getByLabel('Token').fill(token);
    await this.page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await this.untilLive();
  }

  async untilLive(): Promise<void> {
    await this.page.locator('.connection.live').waitFor();
  }

  /** Goes to another page without loading anew, as a link does. */
  async go(path: string): Promise<void> {
    await this.page.evaluate(`history.pushState(null, '', ${JSON.stringify(path)})`);
  }

  /** What axe finds against WCAG 2.1 AA, with the elements where it is. */
  async violations(): Promise<string[]> {
    // Not by a script of the page: its policy would refuse it.
    await this.page.evaluate(axeSource());
    const { violations } = (await this.page.evaluate(
      `axe.run(document, { runOnly: ${JSON.stringify(axeTags)} })`,
    )) as AxeResults;
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' | ')}`);
  }

  /** Looks at the page in each of the looks: writes a picture of each, and resolves with what axe finds in any. */
  async look(name: string): Promise<string[]> {
    const found: string[] = [];
    await mkdir(screenshotFolder, { recursive: true });
    for (const { name: look, viewport, colorScheme } of looks) {
      await this.page.setViewportSize(viewport);
      await this.page.emulateMedia({ colorScheme });
      await this.page.screenshot({ path: join(screenshotFolder, `${name}-${look}.png`), animations: 'disabled' });
      // The colours were looked at where there is much width.
      if (look === '390-dark') continue;
      found.push(...(await this.violations()).map((violation) => `${name} ${look}: ${violation}`));
      const overflow = Number(await this.page.evaluate('document.documentElement.scrollWidth - innerWidth'));
      if (overflow > 0) found.push(`${name} ${look}: it is ${overflow} pixels wider than the window`);
    }
    await this.page.setViewportSize(looks[0].viewport);
    await this.page.emulateMedia({ colorScheme: 'light' });
    return found;
  }

  /** What the pages have complained about since this was asked last: what one test has seen fails no other. */
  takeComplaints(): string[] {
    return this.#complaints.splice(0);
  }

  /** Whether there is a network; what was open breaks. */
  setOffline(isOffline: boolean): Promise<void> {
    return this.#context.setOffline(isOffline);
  }

  close(): Promise<void> {
    return this.#context.close();
  }
}

function axeSource(): string {
  return readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
}
