/**
 * `npm run bench`: measures Kilonova on the simulated hypervisor beside bare references of the same run, and prints what
 * it found; `--json` writes it under the keys of `figures.ts`. What it starts, it starts in folders and on ports of its
 * own, and removes.
 */
import { Argument, Command, InvalidArgumentError } from 'commander';
import { standardPulse } from '../../actors/runtime/pulse.ts';
import { documented, type PartName, partNames } from './figures.ts';
import { measureHeap } from './heap.ts';
import { measureLaunches } from './launches.ts';
import { measureList } from './list.ts';
import { measureNatsRates } from './nats-rates.ts';
import { measureRecovery } from './recovery.ts';
import { describeMachine, Report } from './report.ts';
import { measureStartup } from './startup.ts';

interface Options {
  json?: string;
  keys?: boolean;
  launches: number;
  rounds: number;
  operations: number;
  instances: number;
  listed: number;
  lists: number;
  starts: number;
  recovered: number;
  silence: number;
  worlds: number;
}

/** A simulated host has no more vCPUs to give out. */
const mostAlive = 1000;
/** V8's own threads, which compile what runs often, take a third of the CPU of the first launches, and come to rest late. */
const mostWarmUps = 2000;

const measure: Record<PartName, (report: Report, options: Options) => Promise<void>> = {
  launches: (report, { launches, rounds }) =>
    measureLaunches(report, { launches, rounds, warmUps: Math.min(4 * launches, mostWarmUps) }),
  nats: measureNatsRates,
  heap: measureHeap,
  list: (report, { listed, lists }) => measureList(report, { instances: listed, lists }),
  startup: measureStartup,
  recovery: measureRecovery,
};

const program = new Command('npm run bench --')
  .description('Measures Kilonova on the simulated hypervisor, beside bare NATS in the same run.')
  .addArgument(new Argument('[parts...]', 'what to measure; everything unless named').choices(partNames))
  .option('--json <file>', 'write the figures there too')
  .option('--keys', 'print the keys of the figures, with what they mean, and end')
  .option('--launches <n>', `launches of a round, ${mostAlive} at most`, wholeNumber(mostAlive), 500)
  .option('--rounds <n>', 'rounds of launches and of NATS operations', wholeNumber(), 3)
  .option('--operations <n>', 'NATS operations of a round', wholeNumber(), 5000)
  .option('--instances <n>', 'instances that heap is measured with', wholeNumber(), 10_000)
  .option('--listed <n>', `instances that are listed, ${mostAlive} at most`, wholeNumber(mostAlive), 1000)
  .option('--lists <n>', 'how often they are listed', wholeNumber(), 50)
  .option('--starts <n>', 'how often each part is started', wholeNumber(), 5)
  .option('--recovered <n>', `instances of a host that comes back, ${mostAlive} at most`, wholeNumber(mostAlive), 1000)
  .option('--silence <ms>', 'how long a host may be silent that is lost', wholeNumber(), standardPulse.deadAfterMs)
  .option('--worlds <n>', 'simulated worlds that are run', wholeNumber(), 50)
  .action(bench);

await program.parseAsync();

async function bench(chosen: PartName[], options: Options): Promise<void> {
  if (options.keys) {
    for (const [key, { unit, meaning }] of documented) console.log(`${key.padEnd(38)} ${unit.padEnd(3)} ${meaning}`);
    return;
  }
  const report = new Report((line) => console.log(line));
  const { node, cpus, model, load } = describeMachine();
  report.say(`Node ${node}, ${cpus} CPUs (${model}), load ${load} before the start`);
  for (const name of partNames) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    report.say(`${name}:`);
    await measure[name](report, options);
  }
  tellAims(report);
  if (options.json !== undefined) await report.writeJson(options.json, { ...options, parts: chosen });
}

/** What Kilonova aims at; a run on a busy machine says little about the one in milliseconds. */
function tellAims(report: Report): void {
  const aims: [string, number][] = [
    ['launches.oneProcess.1.p50Ms', 10],
    ['launches.processes.1.p50Ms', 10],
    ['ratio.oneProcess.1.p50', 1.5],
    ['ratio.processes.1.p50', 1.5],
    ['cpu.oneProcess.total.ratio', 1.5],
    ['cpu.processes.total.ratio', 1.5],
    ['heap.settled.bytes', 2000],
  ];
  const measured = aims.flatMap(([key, most]) => {
    const value = report.get(key);
    return value === undefined ? [] : [{ key, most, value }];
  });
  if (measured.length === 0) return;
  report.say('aims:');
  for (const { key, most, value } of measured) {
    report.say(
      `  ${key.padEnd(38)} ${value.toFixed(2).padStart(10)} ${value <= most ? 'met' : 'missed'}: ${most} at most`,
    );
  }
}

function wholeNumber(most = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= 1 && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from 1${most < 1e9 ? ` to ${most}` : ''}.`);
  };
}
