/**
 * `npm run model`: runs every path of the specifications, and says how many there are, what of the charts they cover, and
 * how long it takes. `npm run model -- --replay '["client: delete"]'` runs one path.
 */

import { Command } from 'commander';
import { type ConductedCloud, startConductedCloud } from './conducted-cloud.ts';
import { Coverage } from './coverage.ts';
import { hostChart } from './host-on-chart.ts';
import { runHostOnSystem } from './host-on-system.ts';
import { instanceChart } from './instance-on-chart.ts';
import { runOnSystem } from './instance-on-system.ts';
import { type Chart, runOnChart } from './on-chart.ts';
import { chooseHostPaths, chooseInstancePaths, restartedWidth, runOnBoth, width } from './on-system.ts';
import { generatePaths, type Path } from './paths.ts';
import { type RunOptions, runPaths } from './run-paths.ts';
import { isAllowed } from './shrink.ts';
import { isHostPlayable, isPlayable } from './steering.ts';

async function runChart<Context>(chart: Chart<Context>, paths: readonly Path[]): Promise<void> {
  const { specification, machine } = chart;
  const coverage = new Coverage(machine);
  const begin = performance.now();
  await runPaths(specification, paths, async (path) => runOnChart(chart, path, coverage));
  report(`${specification.name} chart, restored between events`, paths, coverage, performance.now() - begin);
}

async function runSystem<Context>(
  chart: Chart<Context>,
  subject: string,
  paths: readonly Path[],
  run: (path: Path) => Promise<void>,
  options: RunOptions<Context>,
): Promise<void> {
  const coverage = new Coverage(chart.machine);
  const begin = performance.now();
  await runPaths(chart.specification, paths, (path) => runOnBoth(chart, path, run, coverage), {
    tries: 30,
    ...options,
  });
  report(`${chart.specification.name} ${subject}`, paths, coverage, performance.now() - begin);
}

async function runInstances(world: ConductedCloud, paths: readonly Path[]): Promise<void> {
  const run = (path: Path) => runOnSystem(world, path);
  await runSystem(instanceChart, 'on the system', paths, run, { width, isPlayable });
  const runRestarted = (path: Path) => runOnSystem(world, path, { isRestarted: true });
  const subject = 'on the system, every part restarted between events';
  await runSystem(instanceChart, subject, paths, runRestarted, { width: restartedWidth, isPlayable });
}

async function runHosts(world: ConductedCloud, paths: readonly Path[]): Promise<void> {
  const run = (path: Path) => runHostOnSystem(world, path);
  await runSystem(hostChart, 'on the system', paths, run, { width, isPlayable: isHostPlayable });
}

async function runAll(): Promise<void> {
  await runChart(instanceChart, generatePaths(instanceChart.specification));
  await runChart(hostChart, generatePaths(hostChart.specification));
  const instancePaths = chooseInstancePaths();
  await inWorld(async (world) => {
    await runInstances(world, instancePaths);
    await runHosts(world, chooseHostPaths());
  });
}

/** What takes long comes before: nats-server leaves whoever is silent for some seconds. */
async function inWorld(run: (world: ConductedCloud) => Promise<void>): Promise<void> {
  const world = await startConductedCloud();
  try {
    await run(world);
  } finally {
    await world.stop();
  }
}

async function replay(path: Path): Promise<void> {
  if (isAllowed(instanceChart.specification, path)) {
    await runChart(instanceChart, [path]);
    await inWorld((world) => runInstances(world, [path]));
  } else if (isAllowed(hostChart.specification, path)) {
    await runChart(hostChart, [path]);
    await inWorld((world) => runHosts(world, [path]));
  } else throw new TypeError('neither specification allows this path');
}

function report(subject: string, paths: readonly Path[], coverage: Coverage, ms: number): void {
  const events = paths.reduce((sum, { length }) => sum + length, 0);
  const { missing, numberOfStates, numberOfTransitions, states, transitions } = coverage;
  console.log(
    `${subject}: ${paths.length} paths of ${events} events, ${transitions.size} of ${numberOfTransitions} transitions, ` +
      `${states.size} of ${numberOfStates} states, ${(ms / 1000).toFixed(1)} s`,
  );
  // One path is not meant to cover everything.
  if (paths.length === 1) return;
  for (const [kind, names] of Object.entries(missing)) {
    if (names.length > 0) console.log(`  ${kind} not covered: ${names.join(', ')}`);
  }
}

function readPath(text: string): Path {
  const path: unknown = JSON.parse(text);
  if (Array.isArray(path) && path.every((event) => typeof event === 'string')) return path;
  throw new TypeError(`a path is a JSON list of events, not ${text}`);
}

const program = new Command('npm run model --')
  .description('Runs the paths of the specifications on both charts and on a whole cloud, and tells what they cover.')
  .option('--replay <path>', 'run only this path of an instance: a JSON list of events, as a failure prints it')
  .parse();
const { replay: path } = program.opts<{ replay?: string }>();

try {
  if (path === undefined) await runAll();
  else await replay(readPath(path));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
