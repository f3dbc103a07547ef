/** A host dies over a launch, returns, and needs long to compare what it has: the launch goes on elsewhere all the same. */
import { expect, it } from 'vitest';
import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import type { History } from '../checker/history.ts';
import type { Action } from './actions.ts';
import { plainPlan } from './plain-plan.ts';
import { runWorld } from './run-world.ts';
import { processNames } from './script.ts';
import { uuidOf } from './simulated-client.ts';

const plan = plainPlan({ seed: 5, hosts: ['host-1', 'host-2'] });
const [launched, others] = [4, [0, 1, 2, 3]];
const creates = others.map((instance): Action => ({ at: 100, wish: 'create', instance, flavor: 'small' }));
const launch: Action = { at: 9_000, wish: 'create', instance: launched, flavor: 'small' };

function versionsOf({ records }: History, instance: number) {
  return (records.get(uuidOf(instance)) ?? []).map(({ at, record }) => {
    return { at, state: stateOf(record), host: contextOf(record).host };
  });
}

it('waits neither for the host nor for its answer', async () => {
  const alone = await runWorld({ plan, actions: [...creates, launch] });
  const hostOf = (instance: number) => versionsOf(alone.history, instance).find(({ host }) => host)?.host;
  const lost = hostOf(launched) ?? '';
  const neighbour = others.find((instance) => hostOf(instance) === lost) ?? 0;
  // Until the ports can be given back, which is not before the host returns, the launch is not placed again.
  const network = processNames(plan).find((name) => name.startsWith('network')) ?? '';
  const { history, violations } = await runWorld({
    plan,
    actions: [
      ...creates,
      { at: 8_900, fault: 'hangStep', host: lost, step: 'createDomain', forMs: 1_200 },
      launch,
      { at: 10_000, fault: 'kill', process: lost, forMs: 30_000 },
      { at: 11_000, fault: 'kill', process: network, forMs: 30_000 },
      { at: 35_000, wish: 'evacuate', instance: neighbour },
      { at: 36_000, fault: 'hangStep', host: lost, step: 'destroyDomain', forMs: 90_000 },
    ],
  });
  expect(violations).toEqual([]);
  const versions = versionsOf(history, launched);
  const placedAgain = versions.findIndex(({ state, host }) => state === 'building.checking' && host !== lost);
  const running = versions.find(({ state }) => state === 'running');
  expect(running?.host).not.toBe(lost);
  expect(running?.at).toBeLessThan((versions[placedAgain - 1]?.at ?? 0) + 10_000);
});
