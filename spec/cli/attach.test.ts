import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestWeb, type TestWeb } from '../http/support.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { openShell, type Running, type Shell } from './support.ts';

let cloud: TestCloud;
let web: TestWeb;
let shell: Shell;

beforeAll(async () => {
  cloud = await startTestCloud();
  web = await startTestWeb(cloud.runtime);
  shell = await openShell({ KILONOVA_NATS_URL: cloud.url, KILONOVA_TOKEN: cloud.token, KILONOVA_WEB: web.origin });
  const { uuid } = await cloud.create({ name: 'shell' });
  await cloud.until(uuid, ({ vmState }) => vmState === 'active');
});

afterAll(async () => {
  await shell[Symbol.asyncDispose]();
  await web.stop();
  await cloud.stop();
});

function type(running: Running, text: string): void {
  running.child.stdin?.write(text);
}

it('has the console in the terminal, Ctrl-C too, until Ctrl-]', async () => {
  const running = shell.terminal('instance attach shell');
  await running.says(/\/ # /);
  type(running, 'uname\r');
  await running.says(/Linux \(simulated\)/);
  type(running, 'half a line\u0003');
  await running.says(/half a line\^C\s+\/ # /);
  type(running, '\u001d');
  const { code, stdout } = await running;
  expect(code).toBe(0);
  expect(stdout).toContain('Ctrl-] leaves it');
});

it('ends with the guest, and says why', async () => {
  const running = shell.terminal('instance attach shell');
  await running.says(/\/ # /);
  type(running, 'poweroff\r');
  const { code, stdout } = await running;
  expect(code).toBe(1);
  expect(stdout).toContain('kilonova: conflict: the guest is off');
  const again = await shell.kilonova('instance', 'attach', 'shell');
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('no running guest') });
});

it('says where it has looked when there is no web server', async () => {
  const { uuid } = await cloud.create({ name: 'other' });
  await cloud.until(uuid, ({ vmState }) => vmState === 'active');
  const { code, stderr } = await shell.kilonova('instance', 'attach', 'other', '--web', 'http://127.0.0.1:9/');
  expect(code).toBe(5);
  expect(stderr).toMatch(/ws:\/\/127\.0\.0\.1:9:.*--web/);
  expect(await shell.kilonova('instance', 'attach', 'other', '--web', 'nonsense')).toMatchObject({ code: 2 });
});
