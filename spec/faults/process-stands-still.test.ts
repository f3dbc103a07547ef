/**
 * SIGSTOP for longer than three heartbeats, then SIGCONT: whoever stood still comes back with what it knew, and acts on
 * nothing that is another's by now.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/test-cloud.ts';
import { FaultCloud } from './fault-cloud.ts';
import { isLong, storyMs } from './how-long.ts';
import { natsServer } from './processes.ts';
import type { Wave } from './wave.ts';

const launches = isLong ? 200 : 100;
/** Longer than anybody waits for a heartbeat. */
const stillMs = 17_000;

let cloud: FaultCloud;

beforeAll(async () => {
  cloud = await FaultCloud.start({ parts: ['api', 'controller', 'controller-2', 'scheduler', 'network'] });
}, storyMs);

afterAll(() => cloud?.[Symbol.asyncDispose]());

it('launches elsewhere what a host has begun that stands still, which gives it up when it goes on', {
  timeout: storyMs,
}, async () => {
  const wave = await cloud.launch(launches);
  cloud.pause('host-1');
  await eventually(() => cloud.witness.hostsDown.has('host-1') || undefined, storyMs);
  await wave.isAtRest();
  cloud.resume('host-1');
  await judge('host-1', wave);
  await eventually(() => cloud.witness.hostsDown.size === 0 || undefined, storyMs);
});

const others = ['api', 'controller', 'scheduler', 'network', 'host-1'];

it.each(isLong ? [natsServer, ...others] : [])('goes on when %s stood still', { timeout: storyMs }, async (name) => {
  const wave = await cloud.launch(launches);
  cloud.pause(name);
  await new Promise((resolve) => setTimeout(resolve, stillMs));
  cloud.resume(name);
  await judge(name, wave);
});

it('leaves nothing of what is deleted', { timeout: storyMs }, async () => {
  expect(await cloud.empty()).toBe('');
});

async function judge(what: string, wave: Wave): Promise<void> {
  const broken = await cloud.judge();
  console.log(`${what} stood still: ${wave.tell()}`);
  expect(new Set(await wave.answers)).toEqual(new Set(['accepted']));
  expect(wave.states(), what).toEqual(new Set(['running']));
  expect(broken).toBe('');
}
