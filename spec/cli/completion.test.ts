import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { main, openShell, type Shell } from './support.ts';

let cloud: TestCloud;
let shell: Shell;

beforeAll(async () => {
  cloud = await startTestCloud();
  shell = await openShell({ KILONOVA_NATS_URL: cloud.url, KILONOVA_TOKEN: cloud.token });
  await cloud.create({ name: 'web' });
  await cloud.create({ name: 'web server' });
  await writeFile(join(shell.folder, 'kilonova.bash'), (await shell.kilonova('completion', 'bash')).stdout);
});

afterAll(async () => {
  await shell[Symbol.asyncDispose]();
  await cloud.stop();
});

/** What bash would offer for the line, whose last word is being typed: the script is sourced, and called as bash calls it. */
async function bashOffers(...words: string[]): Promise<string[]> {
  const typed = ['kilonova', ...words].map((word) => `'${word}'`).join(' ');
  const { stdout, stderr } = await shell.bash(`
    source kilonova.bash
    complete -p kilonova | grep -q -- '-F _kilonova kilonova' || exit 1
    COMP_WORDS=(${typed})
    COMP_CWORD=${words.length}
    _kilonova kilonova
    printf '%s\\n' "\${COMPREPLY[@]}"`);
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

describe('in bash', () => {
  it.each([
    [['inst'], ['instance']],
    [
      ['instance', 'un'],
      ['unpause', 'unlock'],
    ],
    [
      ['security-group', 'rule', ''],
      ['add', 'remove'],
    ],
    [['instance', 'delete', '--w'], ['--wait']],
    [
      ['instance', 'list', '--vm-state', 's'],
      ['stopped', 'suspended'],
    ],
    [
      ['up', '--hypervisor', ''],
      ['auto', 'libvirt', 'simulated'],
    ],
    [['network', 'l'], ['list']],
    [
      ['completion', ''],
      ['bash', 'zsh'],
    ],
    [['frob', ''], []],
  ])('%j goes on with %j', async (words, offered) => {
    expect((await bashOffers(...words)).toSorted()).toEqual(offered.toSorted());
  });

  it('completes the names of what is there, as arguments and as values of flags', async () => {
    expect((await bashOffers('instance', 'stop', 'w')).toSorted()).toEqual(['web', 'web\\ server']);
    expect(await bashOffers('instance', 'stop', 'web', 'web s')).toEqual(['web\\ server']);
    expect(await bashOffers('instance', 'create', 'x', '--flavor', 'm1.t')).toEqual(['m1.tiny']);
    expect(await bashOffers('network', 'show', '')).toEqual(['default']);
    expect(await bashOffers('host', 'drain', '')).toEqual(['host1']);
  });

  it('completes a uuid that somebody has begun to type', async () => {
    const [uuid = ''] = (await shell.kilonova('instance', 'list', '-q')).stdout.split('\n');
    expect(await bashOffers('instance', 'show', uuid.slice(0, 9))).toEqual([uuid]);
  });
});

describe('without a cloud', () => {
  it('offers what needs none, soon and silently', async () => {
    await using alone = await openShell({ KILONOVA_NATS_URL: 'nats://127.0.0.1:1', KILONOVA_TOKEN: 'x' });
    expect(await alone.start('__complete', 'instance', 'stop', '')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await alone.start('__complete', 'instance', 'sto')).stdout).toBe('stop\n');
    await alone.bash('mkdir -p .config/kilonova; echo frob=1 > .config/kilonova/config.toml');
    expect(await alone.start('__complete', 'instance', 'stop', '')).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});

describe.skipIf(!has('zsh'))('in zsh', () => {
  it('hands what the program offers to compadd', () => {
    const script = `
      compdef() { :; }
      compadd() { print -l -- "\${(@P)2}"; }
      source <('${process.execPath}' '${main}' completion zsh)
      words=(kilonova_program instance un); CURRENT=3
      kilonova_program() { '${process.execPath}' '${main}' "$@"; }
      _kilonova`;
    const stdout = execFileSync('zsh', ['-f', '-c', script], { env: shell.environment, encoding: 'utf8' });
    expect(stdout.trim().split('\n').toSorted()).toEqual(['unlock', 'unpause']);
  });
});

function has(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
