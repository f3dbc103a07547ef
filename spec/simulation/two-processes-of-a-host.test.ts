/**
 * A second process takes over a host whose first was stopped for a while, and goes on. Until that learns that it is the
 * host's no longer, it takes casts; what it had begun by then is left to the second one, which was not told of it.
 */
import { expect, it } from 'vitest';
import type { Action } from './actions.ts';
import { runWorld } from './run-world.ts';
import type { WorldPlan } from './world.ts';

const plan: Omit<WorldPlan, 'seed'> = {
  hosts: ['host-1'],
  vcpusOfHost: 64,
  controllers: 1,
  schedulers: 1,
  networks: 1,
  sharers: 0,
  quota: -1,
  cidr: '10.20.0.0/22',
  skewMs: 0,
};

/** The first goes on at 14 s; what is launched just then either may take. */
const actions: Action[] = [
  { at: 2_000, fault: 'twin', process: 'host-1', forMs: 12_000 },
  ...Array.from(
    { length: 36 },
    (_, instance): Action => ({ at: 13_940 + instance * 3, wish: 'create', instance, flavor: 'small' }),
  ),
  { at: 60_000, wish: 'rename', instance: 0, name: 'settled' },
];

it.each([5, 6, 7, 8])('no launch is stuck that the first has taken: world %i', async (seed) => {
  const { violations } = await runWorld({ plan: { ...plan, seed }, actions });
  expect(violations).toEqual([]);
});
