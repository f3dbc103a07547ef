import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConductedCloud, startConductedCloud } from './conducted-cloud.ts';
import { Coverage } from './coverage.ts';
import { hostChart } from './host-on-chart.ts';
import { runHostOnSystem } from './host-on-system.ts';
import { instanceChart } from './instance-on-chart.ts';
import { runOnSystem } from './instance-on-system.ts';
import { chooseHostPaths, chooseInstancePaths, runOnBoth, width } from './on-system.ts';
import { runPaths } from './run-paths.ts';
import { beyondReach } from './steering.ts';

const patienceMs = 180_000;

let world: ConductedCloud;
beforeAll(async () => {
  world = await startConductedCloud();
});
afterAll(() => world.stop());

/** What is missing has to be what is known to be beyond reach: no more, and no less. */
function expectAllInReach({ missing }: Coverage, known: Record<string, string>): void {
  expect([...missing.states, ...missing.transitions].sort()).toEqual(Object.keys(known).sort());
  expect(missing.failures.filter((name) => !(name in known))).toEqual([]);
}

describe('an instance on the whole system', () => {
  const { specification, machine } = instanceChart;
  const paths = chooseInstancePaths();

  it.each([
    { how: 'as it is', isRestarted: false },
    { how: 'its host ended and restored between events', isRestarted: true },
  ])(
    'does on every path what the specification says, $how, and leaves out only what is beyond reach',
    { timeout: patienceMs },
    async ({ isRestarted }) => {
      const coverage = new Coverage(machine);
      const run = (path: readonly string[]) => runOnSystem(world, path, { isRestarted });
      await runPaths(specification, paths, (path) => runOnBoth(instanceChart, path, run, coverage), {
        width,
        tries: 10,
      });
      expectAllInReach(coverage, beyondReach.instance);
    },
  );

  it('leaves nothing behind', async () => {
    const [ports, addresses] = await Promise.all(
      (['port', 'address'] as const).map((name) => world.cloud.runtime.store.view(name)),
    );
    expect([ports?.size, addresses?.size]).toEqual([0, 0]);
  });
});

describe('a host on the whole system', () => {
  const { specification, machine } = hostChart;

  it('does on every path what the specification says, and leaves out only what is beyond reach', {
    timeout: patienceMs,
  }, async () => {
    const coverage = new Coverage(machine);
    const run = (path: readonly string[]) => runHostOnSystem(world, path);
    await runPaths(specification, chooseHostPaths(), (path) => runOnBoth(hostChart, path, run, coverage), { width });
    expectAllInReach(coverage, beyondReach.host);
  });
});
