/**
 * A process is killed while its hypervisor hangs, and another one takes over the host. What the first has asked for does
 * not happen any more when the hang is over, by the connection of the second: nobody wants it by then.
 */
import { expect, it } from 'vitest';
import { stateOf } from '../../actors/instance/stored-chart.ts';
import type { Action } from './actions.ts';
import { plainPlan } from './plain-plan.ts';
import { runWorld } from './run-world.ts';
import { uuidOf } from './simulated-client.ts';

const actions: Action[] = [
  { at: 0, wish: 'create', instance: 0, flavor: 'small' },
  { at: 10_000, fault: 'hangStep', host: 'host-1', step: 'removeDisks', forMs: 90_000 },
  { at: 20_000, wish: 'rebuild', instance: 0 },
  { at: 25_000, fault: 'kill', process: 'host-1', forMs: 45_000 },
  // There is nowhere to go to, and the rebuild is over.
  { at: 60_000, wish: 'evacuateHost', host: 'host-1' },
  { at: 110_000, wish: 'rename', instance: 0, name: 'settled' },
];

it('removes no disk of an instance that is not rebuilt any more', async () => {
  const { violations, history } = await runWorld({ plan: plainPlan(), actions });
  const states = history.records.get(uuidOf(0))?.map(({ record }) => stateOf(record));
  expect(states).toEqual(expect.arrayContaining(['rebuilding.removingDisks', 'failed.powering']));
  expect(violations).toEqual([]);
});
