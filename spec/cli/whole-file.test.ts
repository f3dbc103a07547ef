/** What a command of another process reads while it is written. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { writeWhole } from '../../transport/cli/whole-file.ts';

it('is read as it was or as it is, and never in between, and only by its owner', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-whole-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'web-url');
  const texts = ['a', 'b'].map((each) => `${each.repeat(1_000_000)}\n`);
  await writeFile(file, texts[0] ?? '');
  const read = new Set<string>();
  let isOver = false;
  const reading = (async () => {
    while (!isOver) read.add(await readFile(file, 'utf8'));
  })();
  for (let round = 0; round < 50; round++) await writeWhole(file, texts[round % 2] ?? '');
  isOver = true;
  await reading;
  expect([...read].filter((text) => !texts.includes(text)).map(({ length }) => length)).toEqual([]);
  expect(read.size).toBe(2);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['web-url']);
});
