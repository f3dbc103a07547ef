/**
 * Launches through all parts beside the bare chain, on one nats-server, in rounds that take turns: what disturbs one
 * disturbs the other. What a round has launched is deleted before the next.
 */
import type { NatsServer } from '../../actors/setup/nats-server.ts';
import { startBareChain } from './bare-chain.ts';
import { type Chain, repeat, time } from './chain.ts';
import { cpuOf } from './child.ts';
import { startCloudProcesses } from './cloud.ts';
import { concurrencies, cpuConcurrency, cpuParts, type Layout, layouts } from './figures.ts';
import { countOf, recordShape } from './launch-shape.ts';
import { median, quantile, type Report } from './report.ts';
import { withNats } from './with-nats.ts';

export interface LaunchCounts {
  /** In a round; one at a time, no more than `alone`. */
  launches: number;
  rounds: number;
  warmUps: number;
}

/** Launches of a round with one at a time. */
const alone = 100;

interface Measured {
  times: number[];
  rates: number[];
  launches: number;
  /** By part, over all rounds (µs). */
  cpu: Map<string, number>;
}

export async function measureLaunches(report: Report, counts: LaunchCounts): Promise<void> {
  for (const layout of layouts) await withNats((nats) => measureLayout(report, nats, layout, counts));
}

async function measureLayout(report: Report, nats: NatsServer, layout: Layout, counts: LaunchCounts): Promise<void> {
  const cloud = await startCloudProcesses(nats.url, layout);
  try {
    await warmUp(cloud, counts);
    const shape = await recordShape(nats.url, cloud.launch);
    await cloud.clear();
    for (const [what, count] of Object.entries(countOf(shape))) report.add(`shape.${what}`, count, 1);
    const bare = await startBareChain(nats.url, layout, shape);
    try {
      await warmUp(bare, counts);
      for (const concurrency of concurrencies) {
        const measured = { launches: nothing(), bareChain: nothing() };
        for (let round = 0; round < counts.rounds; round++) {
          await measureRound(measured.bareChain, bare, nats, concurrency, counts);
          await measureRound(measured.launches, cloud, nats, concurrency, counts);
        }
        tellTimes(report, layout, concurrency, measured);
        if (concurrency === cpuConcurrency) tellCpu(report, layout, measured);
      }
    } finally {
      await bare.stop();
    }
  } finally {
    await cloud.stop();
  }
}

/** Node compiles as it runs; a cloud that has been up for a while has been through that. */
async function warmUp(chain: Chain, { launches, warmUps }: LaunchCounts): Promise<void> {
  await repeat(Math.min(warmUps, alone), 1, chain.launch);
  await chain.clear();
  for (let done = 0; done < warmUps; done += launches) {
    await repeat(Math.min(launches, warmUps - done), cpuConcurrency, chain.launch);
    await chain.clear();
  }
}

async function measureRound(
  into: Measured,
  chain: Chain,
  { pid }: NatsServer,
  concurrency: number,
  { launches }: LaunchCounts,
): Promise<void> {
  const count = concurrency === 1 ? Math.min(launches, alone) : launches;
  const before = readCpu(chain, pid);
  const { times, elapsedMs } = await time(count, concurrency, chain.launch);
  for (const [part, spent] of readCpu(chain, pid)) {
    into.cpu.set(part, (into.cpu.get(part) ?? 0) + spent - (before.get(part) ?? 0));
  }
  into.times.push(...times);
  into.rates.push((count / elapsedMs) * 1000);
  into.launches += count;
  await chain.clear();
}

function readCpu({ processes }: Chain, natsPid: number): Map<string, number> {
  const parts = new Map([
    ...processes.map(({ name, pid }) => [name, cpuOf(pid)] as const),
    ['natsServer', cpuOf(natsPid)],
  ]);
  const total = [...parts.values()].reduce((sum, spent) => sum + spent, 0);
  return parts.set('total', total).set('client', cpuOf(process.pid));
}

function tellTimes(
  report: Report,
  layout: Layout,
  concurrency: number,
  measured: Record<'launches' | 'bareChain', Measured>,
): void {
  const where = `${layout}.${concurrency}`;
  for (const what of ['launches', 'bareChain'] as const) {
    const { times, rates } = measured[what];
    report.add(`${what}.${where}.perSecond`, median(rates), rates.length);
    report.add(`${what}.${where}.p50Ms`, median(times), times.length);
    report.add(`${what}.${where}.p99Ms`, quantile(times, 0.99), times.length);
  }
  const { launches, bareChain } = measured;
  report.add(`ratio.${where}.perSecond`, median(bareChain.rates) / median(launches.rates), launches.rates.length);
  report.add(`ratio.${where}.p50`, median(launches.times) / median(bareChain.times), launches.times.length);
}

function tellCpu(report: Report, layout: Layout, { launches, bareChain }: Record<'launches' | 'bareChain', Measured>) {
  for (const part of cpuParts[layout]) {
    const each = ({ cpu, launches: count }: Measured) => (cpu.get(part) ?? Number.NaN) / count;
    report.add(`cpu.${layout}.${part}.launchUs`, each(launches), launches.launches);
    report.add(`cpu.${layout}.${part}.bareUs`, each(bareChain), bareChain.launches);
    report.add(`cpu.${layout}.${part}.ratio`, each(launches) / each(bareChain), launches.launches);
  }
}

const nothing = (): Measured => ({ times: [], rates: [], launches: 0, cpu: new Map() });
