import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openShell, type Shell } from './support.ts';

let shell: Shell;

beforeAll(async () => {
  shell = await openShell();
});

afterAll(() => shell[Symbol.asyncDispose]());

describe('kilonova chart', () => {
  it('draws a machine as SVG, without a cloud', async () => {
    const { code, stdout } = await shell.kilonova('chart', 'host');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^<svg [\s\S]*data-state="hypervisor.reconciling"[\s\S]*<\/svg>\n$/);
  });

  it('writes to a file, with states unfolded', async () => {
    const { code, stdout } = await shell.kilonova(
      ...['chart', 'instance', '--format', 'mermaid', '--unfold', 'spawning', 'releasing', '--output', 'instance.mmd'],
    );
    expect([code, stdout]).toEqual([0, '']);
    const written = await readFile(join(shell.folder, 'instance.mmd'), 'utf8');
    expect(written).toContain('spawning_creatingDisks --> spawning_creatingDomain : done');
    expect(written).toContain('[*] --> releasing_destroyingDomain');
    expect(written).not.toContain('building_checking');
  });

  it('tells programs all of it as JSON', async () => {
    const { stdout } = await shell.kilonova('chart', 'instance', '--format', 'json');
    const { id, root } = JSON.parse(stdout) as { id: string; root: { states: { name: string }[] } };
    expect([id, root.states.map(({ name }) => name).slice(0, 3)]).toEqual([
      'instance',
      ['scheduling', 'building', 'networking'],
    ]);
  });

  it.each([
    [['chart', 'guest'], /instance, host/],
    [['chart', 'instance', '--unfold', 'running'], /all, building, spawning/],
    [['chart', 'host', '--unfold', 'hypervisor'], /none can be/],
    [['chart', 'host', '--output', '/nowhere/host.svg'], /--output cannot be written/],
  ])('%j is refused, and says what there is', async (words, says) => {
    const { code, stderr } = await shell.kilonova(...words);
    expect(code).toBe(2);
    expect(stderr).toMatch(says);
  });
});
