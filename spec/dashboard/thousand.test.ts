/**
 * A thousand instances in the browser: scrolled, filtered, and changing all the time.
 *
 * What a frame costs is measured twice. The CPU time of the page's main thread, for each step until two frames are drawn, is
 * the page's own, whatever else the machine does: the longest must stay under 100 ms, and while instances change, when a
 * step takes in all that comes meanwhile, the median. The time from frame to frame, of all frames that are drawn meanwhile,
 * is what somebody sees on this machine, with the cloud, the browser's other processes and other tests on the same cores:
 * 95 of 100 must be under it; the longest is printed.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import type { Visitor } from '../support/browser.ts';
import { eventually } from '../support/test-cloud.ts';
import { type Stage, startStage } from './support.ts';

const count = 1_000;
const atOnce = 100;
/** What a frame may take (ms). */
const longestFrameMs = 100;
/** Rows are 32 pixels high. */
const stepPixels = 32 * 20;

let stage: Stage;
let visitor: Visitor;
let instances: InstanceView[];

beforeAll(async () => {
  stage = await startStage({
    hosts: [{ name: 'host1', capacity: { vcpus: 1024, memoryMb: 1_048_576, diskGb: 4096 } }],
  });
  const { client } = stage.cloud;
  await client.ask(api.quota.set, { projectId: 'admin', instances: -1, vcpus: -1, memoryMb: -1 });
  for (let made = 0; made < count; made += atOnce) {
    const request = { name: `web-${made}`, image: 'simulated', flavor: 'm1.micro', minCount: atOnce };
    await client.ask(api.instance.create, request);
  }
  await eventually(async () => {
    const { instances: building } = await client.ask(api.instance.list, { vmState: 'building', limit: 1 });
    return building.length === 0 || undefined;
  }, 120_000);
  ({ instances } = await client.ask(api.instance.list, { vmState: 'active', limit: 200 }));
  visitor = await stage.enterAs(stage.cloud.token, '/instances');
  await visitor.page.getByRole('button', { name: 'All 1,000' }).waitFor();
});

afterAll(() => stage?.stop());

/** From the top to the bottom. */
async function* scrolling(): AsyncGenerator<void> {
  const { page } = visitor;
  await page.evaluate(`document.querySelector('.grid').scrollTop = 0`);
  for (let at = 0; at <= count * 32; at += stepPixels) {
    yield page.evaluate(`document.querySelector('.grid').scrollTop = ${at}`) as Promise<void>;
  }
}

/** Key by key, and back again. */
async function* filtering(): AsyncGenerator<void> {
  const { page } = visitor;
  await page.getByRole('searchbox').click();
  for (const key of 'web-90') yield page.keyboard.press(key);
  await page.getByRole('button', { name: 'All 100' }).waitFor();
  for (const _ of 'web-90') yield page.keyboard.press('Backspace');
  await page.getByRole('button', { name: 'All 1,000' }).waitFor();
}

interface Measured {
  /** Of steps. */
  cpuMs: Spread;
  /** From each frame to the next. */
  frameMs: Spread;
}

/** Prints what was measured. */
async function measure(what: string, steps: AsyncGenerator<void>): Promise<Measured> {
  const { page } = visitor;
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
  const cpuMs = async () => {
    const { metrics } = await devtools.send('Performance.getMetrics');
    return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN) * 1_000;
  };
  const costs: number[] = [];
  await page.evaluate(watchFrames);
  let before = await cpuMs();
  for await (const _ of steps) {
    await page.evaluate(twoFrames);
    const after = await cpuMs();
    costs.push(after - before);
    before = after;
  }
  const frames = (await page.evaluate(`frameTimes.splice(0, Infinity, 'over')`)) as number[];
  await devtools.detach();
  const [cpu, time] = [new Spread(costs), new Spread(frames)];
  console.log(`${what}: CPU of a step ${cpu}; from frame to frame ${time}`);
  return { cpuMs: cpu, frameMs: time };
}

/** Notes how long each frame takes from now on (ms), until it is told that it is over. */
const watchFrames = `{
  const times = (window.frameTimes = []);
  let before = performance.now();
  const note = () => {
    if (times[0] === 'over') return;
    const now = performance.now();
    times.push(now - before);
    before = now;
    requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
}`;

/** What was changed is drawn after the first of them. */
const twoFrames = `new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve())))`;

class Spread {
  readonly #sorted: number[];

  constructor(values: readonly number[]) {
    this.#sorted = values.toSorted((a, b) => a - b);
  }

  of(share: number): number {
    const last = this.#sorted.length - 1;
    return this.#sorted[Math.round(share * last)] ?? Number.NaN;
  }

  toString(): string {
    const [median, p95, longest] = [0.5, 0.95, 1].map((share) => this.of(share).toFixed(0));
    return `(of ${this.#sorted.length}) median ${median} ms, 95 % ${p95} ms, longest ${longest} ms`;
  }
}

function expectQuick({ cpuMs, frameMs }: Measured, share = 1): void {
  expect(cpuMs.of(share)).toBeLessThan(longestFrameMs);
  expect(frameMs.of(0.95)).toBeLessThan(longestFrameMs);
}

it('scrolls and filters with no step over 100 ms of CPU, and 95 % of the frames under 100 ms', async () => {
  const { page } = visitor;
  expect(await page.getByRole('row').count()).toBeLessThan(60);
  expectQuick(await measure('scrolling 1,000 instances', scrolling()));
  expectQuick(await measure('filtering 1,000 instances', filtering()));
  expect(await visitor.look('instances')).toEqual([]);
  expect(visitor.complaints).toEqual([]);
});

it('is right, and takes under 100 ms of CPU for half of the steps and between 95 % of the frames, while instances change', async () => {
  const { page } = visitor;
  const { client } = stage.cloud;
  const begun = Date.now();
  let isOver = false;
  let stopped = 0;
  const commands = (async () => {
    for (const { uuid } of instances) {
      if (isOver) break;
      await client.ask(api.instance.stop, { uuid });
      stopped++;
      // One after the other, as fast as the host does it.
      await stage.cloud.until(uuid, ({ vmState }) => vmState === 'stopped');
    }
  })();
  const measured = await measure('scrolling while instances change', scrolling()).finally(() => {
    isOver = true;
    return commands;
  });
  const { facts } = await client.ask(api.fact.list, { since: new Date(begun).toISOString(), limit: 1000 });
  const seconds = (Date.now() - begun) / 1000;
  console.log(`while that was measured: ${(facts.length / seconds).toFixed(0)} facts a second`);
  expectQuick(measured, 0.5);

  await page.getByRole('button', { name: `stopped ${stopped}`, exact: true }).waitFor();
  expect(visitor.complaints).toEqual([]);
});

it('shows a cloud of a thousand at a glance', async () => {
  const { page } = visitor;
  await visitor.go('/overview');
  await page
    .getByRole('region', { name: /^Instances/ })
    .getByRole('row', { name: /^active/ })
    .waitFor();
  await page
    .getByRole('region', { name: /^Time in each state/ })
    .getByRole('row', { name: /^networking/ })
    .waitFor();
  expect(await visitor.look('overview')).toEqual([]);
  expect(visitor.complaints).toEqual([]);
});
