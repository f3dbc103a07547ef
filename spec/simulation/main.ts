/**
 * `npm run simulate`: runs whole clouds on simulated time, each from a seed, with faults of every kind, and checks that
 * every promise is kept. The same seed is the same world: a broken one is replayed by its number.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Command, InvalidArgumentError } from 'commander';
import type { Report, Share } from './worker.ts';

interface Options {
  seeds: number;
  from: number;
  workers: number;
}

const { seeds, from, workers } = new Command('simulate')
  .description('Runs simulated clouds, one from each seed, and checks that no promise is broken.')
  .option('--seeds <count>', 'how many worlds to run', wholeNumber, 100)
  .option('--from <seed>', 'the seed of the first', wholeNumber, 1)
  .option('--workers <count>', 'how many run at once', wholeNumber, availableParallelism())
  .parse()
  .opts<Options>();

const began = performance.now();
const total = { worlds: 0, launches: 0, requests: 0, simulatedMs: 0 };
const bad = new Set<number>();

function take(report: Exclude<Report, { type: 'began' }>): void {
  if (report.type === 'world') {
    total.worlds += 1;
    total.launches += report.launches;
    total.requests += report.requests;
    total.simulatedMs += report.simulatedMs;
    if (process.stderr.isTTY) process.stderr.write(`\r${total.worlds} of ${seeds} worlds`);
    return;
  }
  bad.add(report.seed);
  if (process.stderr.isTTY) process.stderr.write('\n');
  console.log(`seed ${report.seed}: ${told(report)}`);
  console.log(`  again: npm run simulate -- --seeds 1 --from ${report.seed}\n`);
}

function told(report: Exclude<Report, { type: 'began' | 'world' }>): string {
  switch (report.type) {
    case 'broken':
      return `a promise was broken\n${report.violations}\n  a shorter story of it is looked for`;
    case 'shrunk':
      return `the same in short\n${report.story}`;
    case 'crashed':
      return `the world crashed\n${report.error}`;
  }
}

const count = Math.min(workers, seeds);
await Promise.all(
  Array.from({ length: count }, (_, index) => run({ from: from + index, until: from + seeds, step: count })),
);

const seconds = (performance.now() - began) / 1000;
if (process.stderr.isTTY) process.stderr.write('\n');
console.log(
  `${total.worlds} worlds of ${total.launches} launches and ${total.requests} requests, ` +
    `${(total.simulatedMs / 3_600_000).toFixed(1)} hours of their time, in ${seconds.toFixed(1)} s ` +
    `(${(total.worlds / seconds).toFixed(1)} worlds/s with ${count} at once): ` +
    `${bad.size === 0 ? 'no promise was broken' : `${bad.size} broken`}`,
);
process.exitCode = bad.size === 0 ? 0 : 1;

function run(share: Share): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: share });
    let running = share.from;
    worker.on('message', (report: Report) => {
      if (report.type === 'began') running = report.seed;
      else take(report);
    });
    worker.on('error', (error) => reject(new Error(`seed ${running} ended its worker`, { cause: error })));
    worker.on('exit', () => resolve());
  });
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
}
