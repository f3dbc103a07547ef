import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stateOf } from '../../actors/instance/stored-chart.ts';
import { type ConductedCloud, startConductedCloud } from './conducted-cloud.ts';
import { Coverage } from './coverage.ts';
import { hostChart } from './host-on-chart.ts';
import { runHostOnSystem } from './host-on-system.ts';
import { instanceChart } from './instance-on-chart.ts';
import { runOnSystem } from './instance-on-system.ts';
import { PathFailed } from './on-chart.ts';
import { chooseFewOf, chooseHostPaths, chooseInstancePaths, restartedWidth, runOnBoth, width } from './on-system.ts';
import type { Path } from './paths.ts';
import { runPaths } from './run-paths.ts';
import { beyondReach, isHostPlayable, isPlayable } from './steering.ts';

const patienceMs = 400_000;

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
  // Before the cloud is there: nats-server leaves whoever is silent for as long as this takes.
  const paths = chooseInstancePaths();
  const few = chooseFewOf(paths);

  it('does on every path what the specification says, and leaves out only what is beyond reach', {
    timeout: patienceMs,
  }, async () => {
    const coverage = new Coverage(machine);
    const run = (path: Path) => runOnSystem(world, path);
    await runPaths(specification, paths, (path) => runOnBoth(instanceChart, path, run, coverage), {
      width,
      tries: 10,
      isPlayable,
    });
    expectAllInReach(coverage, beyondReach.instance);
  });

  it('does so in every state with each of its parts ended and started anew between any two events', {
    timeout: patienceMs,
  }, async () => {
    const coverage = new Coverage(machine);
    const run = (path: Path) => runOnSystem(world, path, { isRestarted: true });
    await runPaths(specification, few, (path) => runOnBoth(instanceChart, path, run, coverage), {
      width: restartedWidth,
      tries: 10,
      isPlayable,
    });
    expect(coverage.missing.states.filter((path) => !(path in beyondReach.instance))).toEqual([]);
  });

  it('is found out when it differs, by a path as short as can be', { timeout: patienceMs }, async () => {
    const [path = []] = paths.filter((each) => each.includes('client: pause')).toSorted((a, b) => b.length - a.length);
    // A system that could not be paused would be wrong.
    const run = async (each: Path) => {
      await runOnSystem(world, each);
      if (each.includes('client: pause')) throw new PathFailed(each, 'it was paused');
    };
    const failure: unknown = await runPaths(specification, [path], run, { isPlayable }).catch((error) => error);
    if (!(failure instanceof PathFailed)) throw new Error('it was not found out');
    expect(failure.path.length).toBeLessThan(path.length);
    expect(failure.path.at(-1)).toBe('client: pause');
    expect(String(failure)).toContain(`npm run model -- --replay '${JSON.stringify(failure.path)}'`);
  });

  it('leaves nothing behind', async () => {
    const { store } = world.cloud.runtime;
    const [ports, leases, instances] = await Promise.all([
      store.view('port'),
      store.view('address'),
      store.view('instance'),
    ]);
    const left = () =>
      [...ports.values(), ...leases.values()].map(({ instanceUuid }) => {
        const instance = instances.get(instanceUuid);
        return `${instance?.name} is ${instance && stateOf(instance)}`;
      });
    // What could not be given back at once is tried again after a minute.
    await expect.poll(left, { timeout: 120_000 }).toEqual([]);
  });
});

describe('a host on the whole system', () => {
  const { specification, machine } = hostChart;

  it('does on every path what the specification says, and leaves out only what is beyond reach', {
    timeout: patienceMs,
  }, async () => {
    const coverage = new Coverage(machine);
    const run = (path: Path) => runHostOnSystem(world, path);
    await runPaths(specification, chooseHostPaths(), (path) => runOnBoth(hostChart, path, run, coverage), {
      width,
      tries: 10,
      isPlayable: isHostPlayable,
    });
    expectAllInReach(coverage, beyondReach.host);
  });
});
