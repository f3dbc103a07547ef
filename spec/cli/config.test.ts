import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openShell, type Shell } from './support.ts';

let shell: Shell;

beforeEach(async () => {
  shell = await openShell();
});

afterEach(async () => {
  await shell[Symbol.asyncDispose]();
});

async function writeConfig(text: string, path = join(shell.folder, '.config', 'kilonova', 'config.toml')) {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

async function settings(...words: string[]) {
  const { stdout, stderr, code } = await shell.kilonova('config', 'show', '--json', ...words);
  expect(code, stderr).toBe(0);
  const shown = JSON.parse(stdout) as { setting: string; value: unknown; from: string }[];
  return Object.fromEntries(shown.map(({ setting, value, from }) => [setting, { value, from }]));
}

describe('kilonova config show', () => {
  it('says of each setting who has the last word: flag, environment, file, default', async () => {
    const path = await writeConfig(
      'zone = "file"\npolicy = "chance"\nhost = "file"\nmax-attempts = 7\ntest-image = false\n',
    );
    shell.environment.KILONOVA_ZONE = 'environment';
    shell.environment.KILONOVA_HOST = 'environment';
    expect(await settings('--host', 'flag')).toMatchObject({
      host: { value: 'flag', from: 'flag --host' },
      zone: { value: 'environment', from: 'environment KILONOVA_ZONE' },
      policy: { value: 'chance', from: `file ${path}` },
      'max-attempts': { value: 7, from: `file ${path}` },
      'test-image': { value: false, from: `file ${path}` },
      cidr: { value: '10.20.0.0/22', from: 'default' },
      'http-port': { value: null, from: 'default: 8780, or any free one' },
      nats: { value: 'nats://127.0.0.1:4222', from: 'default' },
    });
  });

  it('shows no secret', async () => {
    const path = await writeConfig('token = "a-secret"\n');
    const { stdout } = await shell.kilonova('config', 'show');
    expect(stdout).toMatch(new RegExp(`^token +•+ +file ${path}$`, 'm'));
    expect(stdout).not.toContain('a-secret');
  });

  it('shows nobody who connects to NATS', async () => {
    const nats = 'nats://bob:se,cr@t@127.0.0.1:1';
    const { stdout } = await shell.kilonova('config', 'show', '--nats', nats);
    expect(stdout).toMatch(/^nats +nats:\/\/•+@127\.0\.0\.1:1 +flag --nats$/m);
    for (const words of [
      ['instance', 'list', '--token', 'x'],
      ['api', '--nats-wait', '0'],
    ]) {
      const { stderr, code } = await shell.kilonova(...words, '--nats', nats);
      expect(code).toBe(5);
      expect(stderr).toMatch(/ at nats:\/\/•+@127\.0\.0\.1:1: /);
    }
  });

  it('takes the file that is named before the others', async () => {
    await writeConfig('zone = "home"\n');
    const other = await writeConfig('zone = "named"\n', join(shell.folder, 'other.toml'));
    expect((await settings()).zone?.value).toBe('home');
    expect((await settings('--config', other)).zone?.value).toBe('named');
    shell.environment.KILONOVA_CONFIG = other;
    expect((await settings()).zone?.value).toBe('named');
  });

  it('finds where kilonova up listens, and its token', async () => {
    const state = join(shell.folder, 'state');
    await mkdir(state);
    await writeFile(join(state, 'nats-url'), 'nats://127.0.0.1:4999\n');
    await writeFile(join(state, 'admin-token'), 'a-secret\n');
    expect(await settings()).toMatchObject({
      nats: { value: 'nats://127.0.0.1:4999', from: `file ${join(state, 'nats-url')}` },
      token: { from: `file ${join(state, 'admin-token')}` },
    });
  });
});

describe('a configuration file', () => {
  it.each([
    ['frob = 1', /config\.toml: frob is not known; there are state, nats, /],
    ['[section]\nzone = "x"', /config\.toml: section is not known/],
    ['zone = ["x"]', /config\.toml: zone must be a text, a number, true or false/],
    ['policy = "best"', /config\.toml: policy cannot be "best"\. Allowed choices are filter, chance/],
    ['max-attempts = 0', /config\.toml: max-attempts cannot be 0\. It must be a whole number from 1/],
    ['http-trusted-proxies = "10.0.0.0/8, ::1/0"', /http-trusted-proxies cannot be .*"::1\/0" must be an IP address/],
    ['test-image = "no"', /config\.toml: test-image must be true or false/],
    ['zone = ', /config\.toml:1:\d+ is not TOML/],
  ])('with %j is refused', async (text, message) => {
    await writeConfig(text);
    const { code, stderr, stdout } = await shell.kilonova('config', 'show');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('that is named has to be there', async () => {
    const { code, stderr } = await shell.kilonova('config', 'show', '--config', '/nowhere/config.toml');
    expect(code).toBe(2);
    expect(stderr).toContain('invalid_request: the configuration cannot be read: ENOENT');
  });

  it('is for the parts of the cloud too', async () => {
    await writeConfig('nats = "nats://127.0.0.1:1"\n');
    const { code, stderr } = await shell.start('scheduler', '--nats-wait', '0');
    expect(code).toBe(5);
    expect(stderr).toContain('there is no NATS for us at nats://127.0.0.1:1');
  });

  it('with a token that everybody may read is complained about', async () => {
    const path = await writeConfig('token = "a-secret"\n');
    expect((await shell.kilonova('config', 'show')).stderr).toBe('');
    await chmod(path, 0o644);
    expect((await shell.kilonova('config', 'show')).stderr).toBe(
      `kilonova: ${path} holds a token, and everybody may read it: chmod 600 ${path}\n`,
    );
  });
});
