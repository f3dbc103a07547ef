/** A nats-server that is killed and started again under web servers: browsers find them where they were. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type KilonovaProcess, startKilonova } from '../support/kilonova-process.ts';
import { startTestNats } from '../support/nats.ts';
import { eventually } from '../support/test-cloud.ts';
import { Browser } from './support.ts';

async function statusOf(browser: Browser, path: string): Promise<number | undefined> {
  return browser.ask(path, { method: 'GET' }).then(
    ({ status }) => status,
    () => undefined,
  );
}

async function browserAt(web: KilonovaProcess, line: RegExp, token: string): Promise<Browser> {
  const [, url = ''] = await web.says(line);
  const browser = new Browser(new URL(url).origin);
  expect((await browser.signIn(token)).status).toBe(200);
  return browser;
}

it('leaves web servers at their addresses, sessions as they were, and nobody with half of what happened', async () => {
  const state = await mkdtemp(join(tmpdir(), 'kilonova-web-'));
  onTestFinished(() => rm(state, { recursive: true, force: true }));
  const nats = await startTestNats();
  onTestFinished(() => nats.stop());
  const flags = ['--nats', nats.url, '--http-port', '0'];
  await using up = startKilonova(['up', ...flags, '--hypervisor', 'simulated', '--no-test-image', '--state', state]);
  await up.says(/Ctrl-C stops the cloud/);
  await using alone = startKilonova(['web', ...flags]);
  const token = (await readFile(join(state, 'admin-token'), 'utf8')).trim();
  const browsers = [
    await browserAt(up, /in a browser: (\S+)/, token),
    await browserAt(alone, /kilonova web is ready at (\S+)/, token),
  ];
  const before = await Promise.all(browsers.map((browser) => browser.live()));
  await nats.kill();
  for (const browser of browsers) {
    expect(await statusOf(browser, '/healthz')).toBe(200);
    await eventually(async () => (await statusOf(browser, '/readyz')) === 503 || undefined);
  }
  await nats.startAgain();
  const lives = await Promise.all(
    browsers.map(async (browser, index) => {
      expect(await eventually(() => before[index]?.closed)).toMatchObject({ code: 1001 });
      await eventually(async () => (await statusOf(browser, '/readyz')) === 200 || undefined);
      await eventually(async () => (await statusOf(browser, '/session')) === 200 || undefined);
      const { epoch = '', sequence } = before[index]?.hello ?? {};
      const live = await browser.live(`?after=${sequence}&epoch=${encodeURIComponent(epoch)}`);
      // The server may have lost its last facts, and have given out their places again.
      await live.until(({ type }) => type === 'reset');
      const request = { name: 'after', image: 'simulated', flavor: 'm1.micro' };
      const { instances } = await browser.call<{ instances: { uuid: string }[] }>('instance.create', request);
      await live.untilState(instances[0]?.uuid ?? '', 'running');
      return live;
    }),
  );
  for (const web of [alone, up]) web.kill('SIGTERM');
  expect(await Promise.all([alone.ended, up.ended])).toEqual([0, 0]);
  for (const live of lives) expect(await eventually(() => live.closed)).toMatchObject({ code: 1001 });
});
