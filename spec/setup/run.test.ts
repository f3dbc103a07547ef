/**
 * The launcher behind `npm start` and `npm test`, run as npm runs it.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const launcher = fileURLToPath(new URL('../../.setup/run.mjs', import.meta.url));

test('hands arguments, output and the exit code on', async () => {
  const child = await launch(
    'const words: string[] = process.argv.slice(2); console.log(words.join()); process.exit(7);',
    ['start', '--once'],
  );
  expect(await lineOf(child)).toBe('start,--once');
  expect(await once(child, 'exit')).toEqual([7, null]);
});

test('runs the script on a Node that is new enough', async () => {
  const child = await launch('console.log(process.versions.node)');
  expect(Number((await lineOf(child)).split('.')[0])).toBeGreaterThanOrEqual(24);
});

test.for(['SIGINT', 'SIGTERM'] as const)('hands %s on, and waits for the script to end', async (signal) => {
  const child = await launch(`
    process.on('${signal}', () => { console.log('bye'); process.exit(3); });
    console.log('ready');
    setInterval(() => {}, 1000);
  `);
  expect(await lineOf(child)).toBe('ready');
  const answer = lineOf(child);
  child.kill(signal);
  expect(await answer).toBe('bye');
  expect(await once(child, 'exit')).toEqual([3, null]);
});

test('takes the script with it when it is killed', async () => {
  const child = await launch('console.log(process.pid); setInterval(() => {}, 1000);');
  const pid = Number(await lineOf(child));
  // The script holds the other end of our pipe for as long as it lives.
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
  expect(pid).toBeGreaterThan(0);
});

test('says how it is used when no script is named', async () => {
  const child = spawn(process.execPath, [launcher], { stdio: ['ignore', 'ignore', 'pipe'] });
  const [text] = (await once(child.stderr.setEncoding('utf8'), 'data')) as [string];
  expect(text).toContain('usage: node .setup/run.mjs');
});

/** In a session of its own, as without a terminal: there nobody but the launcher hands signals on. */
async function launch(script: string, args: string[] = []) {
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-run-'));
  const path = join(folder, 'script.ts');
  await writeFile(path, script);
  const child = spawn(process.execPath, [launcher, path, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  });
  return child;
}

async function lineOf(child: { stdout: NodeJS.ReadableStream }): Promise<string> {
  const [text] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  return text.trim();
}
