/** A whole cloud with its web server and a browser in front of it, for one file of tests. */
import type { Pulse } from '../../actors/runtime/pulse.ts';
import { api } from '../../transport/messages/api.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import { startTestWeb, type TestWeb } from '../http/support.ts';
import { type Page, startBrowser, type TestBrowser, type Visitor } from '../support/browser.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

/** A host that is silent is soon held for dead, and one beside which a browser starts is not. */
export const steadyPulse: Pulse = { beatEveryMs: 200, deadAfterMs: 5_000 };

export interface Stage {
  cloud: TestCloud;
  web: TestWeb;
  browser: TestBrowser;
  /** Somebody of a project of their own, signed in, at `path`. */
  enterAs(token: string, path?: string): Promise<Visitor>;
  /** Asks the API with a token, without a browser. */
  clientOf(token: string): ApiClient;
  /** Launches with a token, without a browser. Resolves with the uuid when the instance runs. */
  launch(token: string, name: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startStage(options: Parameters<typeof startTestCloud>[0] = {}): Promise<Stage> {
  const cleanups: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const clean of cleanups.toReversed()) await clean();
  };
  try {
    const cloud = await startTestCloud(options);
    cleanups.push(() => cloud.stop());
    const web = await startTestWeb(cloud.runtime);
    cleanups.push(() => web.stop());
    const browser = await startBrowser();
    cleanups.push(() => browser.stop());
    const clientOf = (token: string) => new ApiClient(cloud.runtime.bus, token);
    return {
      cloud,
      web,
      browser,
      async enterAs(token, path) {
        const visitor = await browser.open(web.origin);
        await visitor.signIn(token, path);
        return visitor;
      },
      clientOf,
      async launch(token, name) {
        const { uuid } = await cloud.create({ name }, clientOf(token));
        await cloud.until(uuid, ({ vmState }) => vmState === 'active');
        return uuid;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A token of a new member of a project. */
export async function memberOf({ createUser }: TestCloud, project: string): Promise<string> {
  const client = await createUser(project);
  return (await client.ask(api.token.create, {})).secret;
}

/** What is scrolled is scrolled after it was drawn, and heard of in the next frame. */
export async function untilDrawn(page: Page): Promise<void> {
  await page.evaluate(`new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))`);
}
