import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminUser } from '../../actors/identity/first-admin.ts';
import { api } from '../../transport/messages/api.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { openShell, type Shell } from './support.ts';

let cloud: TestCloud;
let shell: Shell;

beforeAll(async () => {
  cloud = await startTestCloud();
  shell = await openShell({ KILONOVA_NATS_URL: cloud.url, KILONOVA_TOKEN: cloud.token });
  const { uuid } = await cloud.create({ name: 'talker' });
  await cloud.until(uuid, ({ vmState }) => vmState === 'active');
});

afterAll(async () => {
  await shell[Symbol.asyncDispose]();
  await cloud.stop();
});

describe('a reader that stops reading', () => {
  it('ends the command without a complaint', async () => {
    const { code, stdout, stderr } = await shell.bash('set -o pipefail; kilonova api list --json | head -n 2');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe('[\n  {\n');
  });
});

describe('a disk without room for what a command says', () => {
  it.each(['--help', 'instance list'])('fails kilonova %s with the reason', async (words) => {
    const { code, stderr } = await shell.bash(`kilonova ${words} > /dev/full`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^kilonova: unavailable: what there is to say cannot be written: ENOSPC.*\n$/);
  });
});

describe('Ctrl-C', () => {
  it.each([
    [['instance', 'list', '--watch'], /^NAME/],
    [['instance', 'watch', '--since', '1h'], /running/],
    [['instance', 'console', 'talker', '--follow'], /ready/],
  ])('ends kilonova %j with 130, and without a word', async (words, pattern) => {
    const running = shell.start(...words);
    await running.says(pattern);
    running.child.kill('SIGINT');
    expect(await running).toMatchObject({ code: 130, stderr: '' });
  });

  it('ends the waiting, while the instance goes its way', async () => {
    const release = cloud.hypervisors.get('host1')?.hang('createDomain');
    const words = ['--image', 'simulated', '--flavor', 'm1.micro', '--wait'];
    const running = shell.start('instance', 'create', 'patient', ...words);
    await new Promise<void>((resolve) => {
      running.child.stderr?.on('data', (text: string) => {
        if (text.includes('creatingDisks')) resolve();
      });
    });
    running.child.kill('SIGINT');
    const { code, stderr } = await running;
    expect(code).toBe(130);
    expect(stderr).toMatch(/^kilonova: patient \([0-9a-f-]{36}\) was \S+, and goes its way$/m);
    release?.();
    const { stdout } = await shell.kilonova('instance', 'show', 'patient', '-q');
    await cloud.until(stdout.trim(), ({ vmState }) => vmState === 'active');
  });

  it('leaves no half of an image', async () => {
    await writeFile(join(shell.folder, 'large.raw'), Buffer.alloc(200 * 1024 * 1024, 1));
    const running = shell.start('image', 'create', 'large', '--disk-format', 'raw', '--disk', 'large.raw');
    const images = () => shell.kilonova('image', 'list', '--status', 'queued', '-q').then(({ stdout }) => stdout);
    while ((await images()) === '') await pause(10);
    running.child.kill('SIGINT');
    expect(await running).toMatchObject({ code: 130, stdout: '' });
    expect(await images()).toBe('');
  });
});

describe('on a terminal', () => {
  it('a table fits its width, and states have colours', async () => {
    const { uuid } = await cloud.create({ name: 'a-name-that-is-much-too-long-for-a-narrow-terminal-to-show' });
    await cloud.until(uuid, ({ vmState }) => vmState === 'active');
    const { stdout } = await shell.terminal('instance list --columns name,uuid,vmState,createdAt');
    const line = stdout.split('\r\n').find((each) => each.includes(uuid)) ?? '';
    expect(line).toContain('\u001b[32mactive\u001b[39m');
    const plain = stripVTControlCharacters(line);
    expect(plain).toMatch(/^a-name-that-is-much-too-.*… {2}/);
    expect(plain.length).toBeLessThanOrEqual(100);
  });

  it('NO_COLOR is respected', async () => {
    shell.environment.NO_COLOR = '1';
    const { stdout } = await shell.terminal('flavor list');
    delete shell.environment.NO_COLOR;
    expect(stdout).toContain('m1.micro');
    expect(stdout).not.toContain('\u001b');
  });

  it('waiting counts on in one line', async () => {
    const { stdout } = await shell.terminal('instance create counted --image simulated --flavor m1.micro --wait');
    expect(stdout).toContain('\r\u001b[2K');
    expect(stdout).toMatch(/running/);
  });

  it('a password is asked for, and not shown', async () => {
    const launch = '--image simulated --flavor m1.micro --admin-password-file - -q';
    const asking = shell.terminal(`instance create locked ${launch}`);
    await asking.says(/Password: /);
    asking.child.stdin?.write('pass-word\r');
    const { code, stdout } = await asking;
    expect(code, stdout).toBe(0);
    expect(stdout).not.toContain('pass-word');
    const [uuid = ''] = /[0-9a-f-]{36}/.exec(stdout) ?? [];
    const payload = await (await cloud.runtime.store.bucket('payload')).get(uuid);
    expect(payload?.value.adminPassword).toBe('pass-word');
  });

  it('one’s own password is changed by typing the old one, and the new one twice', async () => {
    await cloud.client.ask(api.user.update, { id: adminUser, password: 'the old one' });
    const change = async (...typed: [RegExp, string][]) => {
      const asking = shell.terminal('user set-password');
      for (const [question, answer] of typed) {
        await asking.says(question);
        asking.child.stdin?.write(`${answer}\r`);
      }
      return asking;
    };
    const mistyped = await change([/Old/, 'the old one'], [/New password: /, 'the new one'], [/again/, 'the nwe one']);
    expect([mistyped.code, mistyped.stdout]).toEqual([2, expect.stringContaining('stays as it was')]);
    const { code, stdout } = await change(
      [/Old/, 'the old one'],
      [/New password: /, 'the new one'],
      [/again/, 'the new one'],
    );
    expect(code, stdout).toBe(0);
    expect(stdout).not.toMatch(/the (old|new) one/);
    const asked = { user: adminUser, password: 'the new one' };
    expect((await cloud.client.ask(api.session.create, asked)).token.userId).toBe(adminUser);
  });

  it('Ctrl-C is an answer to that too', async () => {
    const asking = shell.terminal('instance create x --image simulated --flavor m1.micro --admin-password-file -');
    await asking.says(/Password: /);
    asking.child.stdin?.write('half\u0003');
    expect((await asking).code).toBe(130);
  });
});
