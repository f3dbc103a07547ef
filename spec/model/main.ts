/**
 * `npm run model`: runs every path of the specifications, and says how many there are, what of the charts they cover, and
 * how long it takes. `npm run model -- --replay '["client: delete"]'` runs one path.
 */
import { Coverage } from './coverage.ts';
import { hostChart } from './host-on-chart.ts';
import { instanceChart } from './instance-on-chart.ts';
import { type Chart, runOnChart } from './on-chart.ts';
import { generatePaths, type Path } from './paths.ts';
import { runPaths } from './run-paths.ts';
import { isAllowed } from './shrink.ts';

async function runChart<Context>(chart: Chart<Context>, paths: readonly Path[]): Promise<void> {
  const { specification, machine } = chart;
  const coverage = new Coverage(machine);
  const begin = performance.now();
  await runPaths(specification, paths, async (path) => runOnChart(chart, path, coverage));
  report(`${specification.name} chart, restored between events`, paths, coverage, performance.now() - begin);
}

function report(subject: string, paths: readonly Path[], coverage: Coverage, ms: number): void {
  const events = paths.reduce((sum, { length }) => sum + length, 0);
  const { missing, numberOfStates, numberOfTransitions, states, transitions } = coverage;
  console.log(
    `${subject}: ${paths.length} paths of ${events} events, ${transitions.size} of ${numberOfTransitions} transitions, ` +
      `${states.size} of ${numberOfStates} states, ${(ms / 1000).toFixed(1)} s`,
  );
  for (const [kind, names] of Object.entries(missing)) {
    if (names.length > 0) console.log(`  ${kind} not covered: ${names.join(', ')}`);
  }
}

function readPath(text: string | undefined): Path {
  const path: unknown = JSON.parse(text ?? 'null');
  if (Array.isArray(path) && path.every((event) => typeof event === 'string')) return path;
  throw new TypeError(`a path is a JSON list of events, not ${text}`);
}

try {
  const [option, text] = process.argv.slice(2);
  if (option === '--replay') {
    const path = readPath(text);
    if (isAllowed(instanceChart.specification, path)) await runChart(instanceChart, [path]);
    else if (isAllowed(hostChart.specification, path)) await runChart(hostChart, [path]);
    else throw new TypeError('neither specification allows this path');
  } else {
    await runChart(instanceChart, generatePaths(instanceChart.specification));
    await runChart(hostChart, generatePaths(hostChart.specification));
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
