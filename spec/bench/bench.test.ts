/** The benchmark itself, with counts that are too small to mean anything. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { documented } from './figures.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const run = promisify(execFile);
const tiny = Object.entries({
  ...{
    launches: 3,
    rounds: 1,
    operations: 20,
    instances: 20,
    listed: 5,
    lists: 2,
    starts: 1,
    recovered: 5,
    worlds: 1,
    silence: 1000,
  },
});
const flags = tiny.flatMap(([name, count]) => [`--${name}`, String(count)]);
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kilonova-bench-test-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function bench(...args: string[]): Promise<{ keys: string[]; values: unknown[]; stdout: string }> {
  const path = join(folder, 'figures.json');
  const { stdout } = await run(process.execPath, [main, ...args, ...flags, '--json', path]);
  const { figures } = JSON.parse(await readFile(path, 'utf8'));
  const values = Object.values<{ value: unknown }>(figures).map(({ value }) => value);
  return { keys: Object.keys(figures), values, stdout };
}

it('writes every documented figure', { timeout: 300_000 }, async () => {
  const { keys, values, stdout } = await bench();
  expect(new Set(keys)).toEqual(new Set(documented.keys()));
  expect(values.filter((value) => !Number.isFinite(value))).toEqual([]);
  for (const key of keys) expect(stdout).toContain(key);
});

it('measures only what is named', async () => {
  const { keys } = await bench('heap');
  expect(keys.length).toBeGreaterThan(0);
  expect(keys.map((key) => documented.get(key)?.part).filter((part) => part !== 'heap')).toEqual([]);
});
