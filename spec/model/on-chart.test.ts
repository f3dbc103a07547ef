import { describe, expect, it } from 'vitest';
import { Coverage } from './coverage.ts';
import { hostChart } from './host-on-chart.ts';
import { instanceChart } from './instance-on-chart.ts';
import { type Chart, PathFailed, runOnChart } from './on-chart.ts';
import { findStuck, generatePaths, type Path } from './paths.ts';
import { runPaths } from './run-paths.ts';
import { isAllowed } from './shrink.ts';

describe('the instance chart', () => claimsOf(instanceChart));
describe('the host chart', () => claimsOf(hostChart));

function claimsOf<Context>(chart: Chart<Context>): void {
  const { specification, machine } = chart;
  const paths = generatePaths(specification);
  const coverage = new Coverage(machine);

  it('does on every path what the specification says, restored between any two events', {
    timeout: 300_000,
  }, async () => {
    await runPaths(specification, paths, async (path) => runOnChart(chart, path, coverage));
  });

  it('does the same when it lives on between the events', async () => {
    const live = new Coverage(machine);
    await runPaths(specification, paths, async (path) => runOnChart(chart, path, live, { isPersisted: false }));
    expect([...live.transitions].sort()).toEqual([...coverage.transitions].sort());
  });

  it('has each state, each transition and each way out of a failure on some path', () => {
    expect(coverage.missing).toEqual({ states: [], transitions: [], failures: [] });
  });

  it('was tried with every event in every state that is told apart, and took only what is allowed there', () => {
    expect(coverage.tried.size).toBe(findStuck(specification, () => true).states.length);
  });

  it('can come from everywhere to a state in which no effect is waited for', () => {
    const isRest = (state: string) =>
      specification.events.every(
        (event) => !/ (succeeds|fails|finds)/.test(event) || !specification.isKnown(state, event),
      );
    const { states, stuck } = findStuck(specification, isRest);
    expect(states.length).toBeGreaterThan(5);
    expect(stuck).toEqual([]);
  });

  it('is found out when it differs, by a path as short as can be', async () => {
    // Here anything that takes a transition counts as wrong.
    const wrong: Chart<Context> = {
      ...chart,
      observed: (stage, before) => ({ ...chart.observed(stage, before), isRight: stage.taken.length === 0 }),
      expected: (specified) => ({ ...chart.expected(specified), isRight: true }),
    };
    let path: Path | undefined;
    try {
      await runPaths(specification, paths.toReversed(), async (each) => runOnChart(wrong, each, new Coverage(machine)));
    } catch (error) {
      if (error instanceof PathFailed) path = error.path;
      expect(String(error)).toContain(`npm run model -- --replay '${JSON.stringify(path)}'`);
    }
    expect(path).toHaveLength(1);
    expect(isAllowed(specification, path ?? [])).toBe(true);
  });
}
