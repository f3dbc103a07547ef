/** libvirtd is killed in the midst of real launches: what its result is nobody knows, and looking settles it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isAtRest } from '../../machines/instance-states.ts';
import { api } from '../../transport/messages/api.ts';
import { eventually } from '../support/test-cloud.ts';
import { FaultCloud } from './fault-cloud.ts';
import { isLong, storyMs } from './how-long.ts';
import { type RealHost, startRealHost } from './real-host.ts';
import type { Wave } from './wave.ts';

const launches = 3;
/** How long it may take until one is seen in a state (ms). Less than a story, so that it ends with what was seen instead. */
const launchMs = storyMs / 4;

const cleanups = new AsyncDisposableStack();
let host: RealHost;
let cloud: FaultCloud;

beforeAll(async () => {
  host = cleanups.use(await startRealHost());
  cloud = cleanups.use(await FaultCloud.start(host.cloud));
}, storyMs);

afterAll(() => cleanups.disposeAsync(), storyMs);

const steps = ['creatingDomain', ...(isLong ? ['preparingFilter', 'creatingDisks', 'waitingForBoot'] : [])];

it.each(steps)('goes on when libvirtd is killed while guests are %s', { timeout: storyMs }, async (step) => {
  const wave = await launchUntil(`spawning.${step}`);
  cloud.note('libvirtd is killed');
  await host.libvirtd.kill('KILL');
  await eventually(async () => {
    const { host: shown } = await cloud.admin.ask(api.host.get, { host: host.name });
    return shown.hypervisorState !== 'up' || undefined;
  }, storyMs);
  await host.libvirtd.start();
  cloud.note('libvirtd is there again');
  const broken = await cloud.judge();
  console.log(`libvirtd was killed while guests were ${step}: ${wave.tell()}`);
  expect(new Set(await wave.answers)).toEqual(new Set(['accepted']));
  expect(broken).toBe('');
});

/** Launches until one comes into that state. Not every version of a record is heard: of those that missed it none stays. */
async function launchUntil(state: string): Promise<Wave> {
  const deadline = Date.now() + launchMs;
  for (;;) {
    const wave = await cloud.launch(launches);
    const isSeen = await eventually(() => {
      const seen = wave.statesSeen();
      if (seen.has(state)) return true;
      if (Date.now() > deadline)
        throw new Error(`none was seen ${state} in ${launchMs} ms, but ${[...seen].join(', ')}`);
      return [...wave.states()].every((one) => one !== 'nowhere' && isAtRest(one)) ? false : undefined;
    }, storyMs);
    if (isSeen) return wave;
    expect(await cloud.empty()).toBe('');
  }
}

it('leaves nothing of what is deleted', { timeout: storyMs }, async () => {
  expect(await cloud.empty()).toBe('');
});
