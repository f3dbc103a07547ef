import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testImageName } from '../../actors/cloud/first-records.ts';
import { BusAuthority } from '../../actors/identity/bus-authority.ts';
import { ClientUsers } from '../../actors/identity/client-users.ts';
import { registerImage } from '../../actors/images/image-store.ts';
import { nouns } from '../../transport/cli/commands/nouns.ts';
import { buildProgram } from '../../transport/cli/program.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import { api } from '../../transport/messages/api.ts';
import { startTestWeb, type TestWeb } from '../http/support.ts';
import type { NatsLink } from '../support/nats-link.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { type Ended, openShell, type Shell } from './support.ts';

const program = await buildProgram(nouns.map(({ word }) => word));
const examples = leavesOf(program).map((command) => [pathOf(command), exampleIn(helpOf(command))] as const);

/** What an example takes for granted, beyond what the examples before it have made. */
const before: Record<string, () => Promise<unknown>> = {
  'instance revert-resize': () => works('kilonova instance resize web --flavor m1.small --wait'),
  'instance evacuate': loseHost1,
  'user set-password': givePassword,
  'user grant': () => works('kilonova project create shop'),
};
/** Their ids cannot be known before. */
const notThere = ['security-group rule remove', 'token revoke', 'dead-letter show', 'dead-letter delete'];
/** There may be none. */
const silent = ['dead-letter replay'];
/** Goes on until it is stopped. */
const endless = ['instance watch', 'instance attach'];

let cloud: TestCloud;
/** Of the only host at first. */
let link: NatsLink;
let web: TestWeb;
let shell: Shell;

beforeAll(async () => {
  const keys = await mkdtemp(join(tmpdir(), 'kilonova-keys-'));
  const authority = await BusAuthority.open(join(keys, 'bus-keys.json'), { clock: systemClock, chance: systemChance });
  const clientUsers = ClientUsers.of(authority.credentialsOf('controller'));
  // They are in memory now.
  await rm(keys, { recursive: true });
  const pulse = { beatEveryMs: 500, deadAfterMs: 3_000 };
  cloud = await startTestCloud({ hosts: [], controller: { clientUsers }, pulse });
  link = await cloud.addDistantHost({ name: 'host1' });
  // The image that `npm start` brings.
  await registerImage(cloud.runtime, { name: testImageName, diskFormat: 'none' });
  web = await startTestWeb(cloud.runtime);
  shell = await openShell({ KILONOVA_NATS_URL: cloud.url, KILONOVA_TOKEN: cloud.token, KILONOVA_WEB: web.origin });
  await writeFile(join(shell.folder, 'tiny.raw'), 'x'.repeat(100_000));
});

afterAll(async () => {
  await shell[Symbol.asyncDispose]();
  await web.stop();
  await cloud.stop();
});

async function works(line: string): Promise<void> {
  expect(await done(line)).toMatchObject({ code: 0 });
}

function done(line: string): Promise<Ended> {
  return shell.kilonova(...wordsOf(line));
}

async function untilInterrupted(line: string): Promise<Ended> {
  const running = shell.start(...wordsOf(line));
  await running.says(/\n/);
  running.child.kill('SIGINT');
  return running;
}

async function givePassword(): Promise<void> {
  for (const which of ['old', 'new']) await writeFile(join(shell.folder, which), `the ${which} one\n`);
  await works('kilonova user update admin --password-file old');
}

async function loseHost1(): Promise<void> {
  await cloud.addHost({ name: 'host2' });
  link.cut();
  await eventually(async () => {
    const { host } = await cloud.client.ask(api.host.get, { host: 'host1' });
    return host.downSince ? true : undefined;
  });
}

it('there is an example in the help of every command of the client', () => {
  expect(examples.length).toBeGreaterThan(70);
  expect(examples.filter(([path, example]) => !example.startsWith(`kilonova ${path}`))).toEqual([]);
});

describe('the example of', () => {
  it.each(examples)('%s works', async (path, example) => {
    await before[path]?.();
    const { code, stdout, stderr } = await (endless.includes(path) ? untilInterrupted(example) : done(example));
    const expected = notThere.includes(path) ? 3 : endless.includes(path) ? 130 : 0;
    expect(code, `${example}\n${stderr}`).toBe(expected);
    if (expected !== 3 && !silent.includes(path)) expect(stdout).not.toBe('');
  });
});

function leavesOf(command: Command): Command[] {
  const inner = command.commands.flatMap(leavesOf);
  // The parts of the cloud are no clients; completion is shown how to be sourced.
  const isClient = command.commands.length === 0 && command.options.some(({ long }) => long === '--json');
  return isClient ? [...inner, command] : inner;
}

function pathOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${pathOf(parent)} ${command.name()}` : command.name();
}

function helpOf(command: Command): string {
  let help = '';
  command.configureOutput({
    writeOut: (text) => {
      help += text;
    },
  });
  command.outputHelp();
  return help;
}

function exampleIn(help: string): string {
  return /^Example:\n {2}(.+)$/m.exec(help)?.[1] ?? '';
}

/** As a shell takes it apart, which knows double quotes. */
function wordsOf(line: string): string[] {
  const [, ...words] = [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);
  return words;
}
