/**
 * SIGKILL of each part in turn, and of several at once, in the midst of many launches: all that was accepted ends as
 * running. In short each story begins while the cloud still recovers from the one before; at length each has an empty one.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FaultCloud } from './fault-cloud.ts';
import { isLong, storyMs } from './how-long.ts';
import { natsServer } from './processes.ts';
import type { Wave } from './wave.ts';

const launches = isLong ? 200 : 100;
const rounds = isLong ? [1, 2, 3] : [1];
const parts = ['api', 'controller', 'scheduler', 'network', 'host-1', natsServer];
const pairs = [...parts, 'host-2'].flatMap((one, index, all) => all.slice(index + 1).map((other) => [one, other]));
const some = [['api', 'scheduler', 'network'], ['controller', 'host-1'], [natsServer]];
const stories = rounds.flatMap((round) =>
  (isLong ? [...parts.map((name) => [name]), ...pairs] : some).map(
    (names) => [round === 1 ? names.join(' and ') : `${names.join(' and ')} (round ${round})`, names] as const,
  ),
);

let cloud: FaultCloud;
const waves: { title: string; wave: Wave }[] = [];

beforeAll(async () => {
  cloud = await FaultCloud.start();
}, storyMs);

afterAll(() => cloud?.[Symbol.asyncDispose]());

it.each(stories)('goes on when %s is killed and started again', { timeout: storyMs }, async (title, names) => {
  const wave = await cloud.launch(launches);
  waves.push({ title, wave });
  await Promise.all(names.map((name) => cloud.kill(name)));
  await Promise.all(names.map((name) => cloud.start(name)));
  if (isLong) await judge();
  // Else there would soon be no room for more.
  if (isLong) expect(await cloud.empty()).toBe('');
});

it('brings every launch that was accepted to an end', { timeout: storyMs }, judge);

it('leaves nothing of what is deleted', { timeout: storyMs }, async () => {
  expect(await cloud.empty()).toBe('');
});

async function judge(): Promise<void> {
  const broken = await cloud.judge();
  for (const { title, wave } of waves.splice(0)) {
    console.log(`${title} killed: ${wave.tell()}`);
    expect(new Set(await wave.answers)).toEqual(new Set(['accepted']));
    // There is room for all of them, and a host.
    expect(wave.states(), title).toEqual(new Set(['running']));
  }
  expect(broken).toBe('');
}
