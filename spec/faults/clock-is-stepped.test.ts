/** The clock of one process, or of all, jumps by an hour and back: nobody is held for dead by that, and nothing is lost. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FaultCloud } from './fault-cloud.ts';
import { isLong, storyMs } from './how-long.ts';
import type { Wave } from './wave.ts';

const launches = 60;
const hourMs = 3_600_000;

let cloud: FaultCloud;
const waves: [string, Wave][] = [];

beforeAll(async () => {
  cloud = await FaultCloud.start();
}, storyMs);

afterAll(() => cloud?.[Symbol.asyncDispose]());

const parts = ['api', 'controller', 'scheduler', 'network', 'host-1'];
const each = isLong ? [...parts.map((name) => [name]), [...parts, 'host-2']] : [['host-1'], parts];
const stories = each.flatMap((names) => [
  [names.join(', '), 'forwards', names, hourMs] as const,
  [names.join(', '), 'backwards', names, -hourMs] as const,
]);

it.each(stories)(
  'goes on when the clock of %s goes %s by an hour',
  { timeout: storyMs },
  async (title, way, names, ms) => {
    const wave = await cloud.launch(launches);
    waves.push([`the clock of ${title} went ${way} by an hour`, wave]);
    cloud.stepClocks(names, ms);
    expect(new Set(await wave.answers)).toEqual(new Set(['accepted']));
    const late = await cloud.launch(launches);
    waves.push([`and when it had`, late]);
    expect(new Set(await late.answers)).toEqual(new Set(['accepted']));
    if (isLong) expect(await cloud.judge()).toBe('');
    // Backwards for those that went forwards, and the other way round: a step too.
    cloud.stepClocks(names, 0);
  },
);

it('brings every launch that was accepted to an end', { timeout: storyMs }, async () => {
  const broken = await cloud.judge();
  for (const [what, wave] of waves) {
    console.log(`${what}: ${wave.tell()}`);
    expect(wave.states(), what).toEqual(new Set(['running']));
  }
  expect(broken).toBe('');
});

it('leaves nothing of what is deleted', { timeout: storyMs }, async () => {
  expect(await cloud.empty()).toBe('');
});
