/** `kilonova chart`: the statecharts that this program runs, as pictures. */
import { writeFile } from 'node:fs/promises';
import { Argument, type Command, Option } from 'commander';
import { fail } from '../../machines/failure.ts';
import type { ExportFormat } from '../visualizer/export.ts';
import type { ChartName } from '../visualizer/known-charts.ts';

// What draws is loaded only when it does.
const machines = { instance: true, host: true } satisfies Record<ChartName, true>;
const formats = { svg: true, mermaid: true, json: true } satisfies Record<ExportFormat, true>;
const everyState = 'all';

interface ChartOptions {
  format: ExportFormat;
  unfold: string[];
  output?: string;
}

export function addChartCommand(program: Command): void {
  program
    .command('chart')
    .description('draws the statechart of a machine: what an instance or a host can do, and on what')
    .addArgument(new Argument('<machine>').choices(Object.keys(machines)))
    .addOption(
      new Option('--format <format>', 'svg: a picture; mermaid: for pages that draw it; json: all of it, for programs')
        .choices(Object.keys(formats))
        .default('svg'),
    )
    .option('--unfold <state...>', `draw what is in these states, too; ${everyState}: in every one`, [])
    .option('--output <file>', 'write it to a file, not to standard output')
    .addHelpText('after', '\nExample:\n  kilonova chart instance --unfold spawning --output instance.svg')
    .action(async (machine: ChartName, { format, unfold, output }: ChartOptions) => {
      const text = await draw(machine, format, unfold);
      if (output === undefined) process.stdout.write(text);
      else await write(output, text);
    });
}

async function draw(machine: ChartName, format: ExportFormat, unfold: readonly string[]): Promise<string> {
  const { exportChart, foldableStates } = await import('../visualizer/export.ts');
  const { knownChart } = await import('../visualizer/known-charts.ts');
  const { elkInProcess } = await import('../visualizer/elk-in-process.ts');
  const chart = knownChart(machine);
  const foldable = foldableStates(chart);
  const unknown = unfold.find((state) => state !== everyState && !foldable.includes(state));
  if (unknown !== undefined) {
    const known = foldable.length === 0 ? 'none can be' : `it may be ${[everyState, ...foldable].join(', ')}`;
    throw fail('invalid_request', `--unfold ${unknown} is no state of ${machine} that could be unfolded: ${known}`);
  }
  const unfolded = new Set(unfold.includes(everyState) ? foldable : unfold);
  return exportChart(chart, format, { unfolded, elk: elkInProcess() });
}

async function write(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    throw fail('invalid_request', `--output cannot be written: ${(error as Error).message}`);
  }
}
