/** Which paths run on the system, and what of the charts each covers when the system has done as the path says. */
import { Coverage } from './coverage.ts';
import { hostChart } from './host-on-chart.ts';
import { instanceChart } from './instance-on-chart.ts';
import { type Chart, runOnChart } from './on-chart.ts';
import { choosePaths, generatePaths, type Path } from './paths.ts';
import { statesAlong } from './specification.ts';
import { isHostPlayable, isPlayable } from './steering.ts';

/** How many paths run at a time; more, where they wait for each other between any two events. */
export const width = 10;
export const restartedWidth = 12;

/** Enough for every event in every state, and for every transition of the chart, that can be brought about. */
export function chooseInstancePaths(): Path[] {
  return choosePaths(generatePaths(instanceChart.specification, isPlayable), (path) => featuresOf(instanceChart, path));
}

/** Fewer: enough for every state. */
export function chooseFewOf(paths: readonly Path[]): Path[] {
  return choosePaths(paths, (path) => statesAlong(instanceChart.specification, path).map(({ state }) => state));
}

export function chooseHostPaths(): Path[] {
  return generatePaths(hostChart.specification, isHostPlayable);
}

/** What the system was seen to do, the chart did: state for state, in the same order. */
export async function runOnBoth<Context>(
  chart: Chart<Context>,
  path: Path,
  run: (path: Path) => Promise<void>,
  coverage: Coverage,
): Promise<void> {
  await run(path);
  runOnChart(chart, path, coverage, { isPersisted: false });
}

function featuresOf<Context>(chart: Chart<Context>, path: Path): string[] {
  const { specification, machine } = chart;
  const coverage = new Coverage(machine);
  runOnChart(chart, path, coverage, { isPersisted: false });
  const states = statesAlong(specification, path);
  return [...path.map((event, index) => `${states[index]?.state} ${event}`), ...coverage.transitions];
}
