import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { whatIsNew } from '../../transport/cli/commands/instance-console.ts';
import { facts } from '../../transport/messages/internal.ts';
import type { HostFact, InstanceFact } from '../../transport/nats/api-client.ts';
import { publishFact } from '../../transport/nats/fact.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { readGolden } from '../messages/golden.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { openShell, type Shell } from './support.ts';

let cloud: TestCloud;
let shell: Shell;

beforeEach(async () => {
  cloud = await startTestCloud();
  shell = await openShell({ KILONOVA_NATS_URL: cloud.url, KILONOVA_TOKEN: cloud.token });
});

afterEach(async () => {
  await shell[Symbol.asyncDispose]();
  await cloud.stop();
});

async function running(name: string): Promise<string> {
  const { uuid } = await cloud.create({ name });
  await cloud.until(uuid, ({ vmState }) => vmState === 'active');
  return uuid;
}

const lines = (text: string) => text.trimEnd().split('\n');

describe('instance events', () => {
  it('tells the history of one instance, or of all, oldest first', async () => {
    await running('web');
    const uuid = await running('db');
    const { stdout } = await shell.kilonova('instance', 'events', 'db');
    expect(lines(stdout).at(-1)).toMatch(
      /^\d{4}-\d\d-\d\d [\d:.]{12} {2}db {2}spawning\.waitingForBoot → running on host1$/,
    );
    expect(stdout).not.toContain('web');
    const all = (await shell.kilonova('instance', 'events')).stdout;
    expect(all.indexOf('  web  ')).toBeLessThan(all.indexOf(`  ${uuid}  db  `));
  });

  it('does nothing to the terminal, whoever has told it', async () => {
    const uuid = await running('web');
    const told = { ...(readGolden('facts.instance.body') as InstanceFact), uuid, at: Date.now() };
    const fact = { ...told, type: 'command', command: 'stop\u001b[2J', host: 'a\rb' };
    publishFact(cloud.runtime.bus, subjects.instanceFact('admin', uuid), facts.instance, fact);
    await eventually(async () => {
      const { stdout } = await shell.kilonova('instance', 'events', uuid);
      return / asked to stop \[2J on a b/.test(stdout) || undefined;
    });
  });

  it('is one JSON a line, and begins and ends where it is told to', async () => {
    const uuid = await running('web');
    const { stdout } = await shell.kilonova('instance', 'events', uuid, '--json', '--limit', '3');
    const facts = lines(stdout).map((line) => JSON.parse(line) as InstanceFact);
    expect(facts).toHaveLength(3);
    expect(facts.every((fact) => fact.uuid === uuid)).toBe(true);
    expect((await shell.kilonova('instance', 'events', '--since', '2099-01-01')).stdout).toBe('');
  });
});

describe('host events', () => {
  it('tells the history of one host, oldest first', async () => {
    await shell.kilonova('host', 'disable', 'host1', '--reason', 'a new disk');
    const { stdout } = await shell.kilonova('host', 'events', 'host1');
    expect(lines(stdout)[0]).toMatch(/^\d{4}-\d\d-\d\d [\d:.]{12} {2}host1 {2}stopped, enabled$/);
    expect(lines(stdout).at(-1)).toMatch(/ {2}host1 {2}asked to disable {2}\(a new disk\)$/);
    const { stdout: first } = await shell.kilonova('host', 'events', 'host1', '--json', '--limit', '1');
    expect(lines(first).map((line) => JSON.parse(line) as HostFact)).toMatchObject([
      { host: 'host1', type: 'transition', to: 'stopped enabled' },
    ]);
  });
});

describe('instance watch', () => {
  it('tells what happens as it happens, after what has happened since', async () => {
    const uuid = await running('web');
    await running('other');
    const watching = shell.start('instance', 'watch', 'web', '--since', '1h', '--json');
    await watching.says(/"to":"running"/);
    await shell.kilonova('instance', 'stop', 'web', '--wait');
    await watching.says(/"to":"stopped"/);
    watching.child.kill('SIGINT');
    const { code, stdout } = await watching;
    expect(code).toBe(130);
    const facts = lines(stdout).map((line) => JSON.parse(line) as InstanceFact);
    expect(facts.every((fact) => fact.uuid === uuid)).toBe(true);
    const states = facts.filter(({ type }) => type === 'transition').map(({ to }) => to);
    expect(states.slice(-3)).toEqual(['running', 'stopping', 'stopped']);
    expect(new Set(lines(stdout)).size).toBe(facts.length);
  });
});

describe('instance list --watch', () => {
  it('is drawn anew when something happens', async () => {
    await running('web');
    const watching = shell.start('instance', 'list', '--watch', '--columns', 'name,vmState');
    await watching.says(/^web {3}active$/m);
    await shell.kilonova('instance', 'stop', 'web');
    await watching.says(/^web {3}stopped$/m);
    watching.child.kill('SIGINT');
    expect((await watching).code).toBe(130);
  });
});

describe('instance console --follow', () => {
  it('goes on with what the guest writes, without telling anything twice', async () => {
    await running('web');
    const following = shell.start('instance', 'console', 'web', '--follow');
    await following.says(/guest: ready/);
    await shell.kilonova('instance', 'reboot', 'web', '--how', 'hard', '--wait');
    await following.says(/guest: ready[\s\S]*guest: ready/);
    following.child.kill('SIGINT');
    const { stdout } = await following;
    const { stdout: whole } = await shell.kilonova('instance', 'console', 'web');
    expect(stdout).toBe(whole);
  });

  it.each([
    ['', 'abc', 'abc'],
    ['abc', 'abc', ''],
    ['abc', 'abcdef', 'def'],
    ['boot\n', 'boot\nboot\n', 'boot\n'],
    ['abcdef', 'efgh', 'gh'],
    ['abcdef', 'xyz', 'xyz'],
    ['x'.repeat(2000), `${'x'.repeat(600)}new`, 'new'],
  ])('after %s, %s has new: %s', (seen, latest, fresh) => {
    expect(whatIsNew(seen, latest)).toBe(fresh);
  });
});
