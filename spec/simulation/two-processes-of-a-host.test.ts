/**
 * A second process takes over a host whose first was stopped for a while, and goes on. Until that learns that it is the
 * host's no longer, it takes casts; what it had begun by then is left to the second one, which was not told of it.
 */
import { expect, it } from 'vitest';
import type { Action } from './actions.ts';
import { plainPlan } from './plain-plan.ts';
import { runWorld } from './run-world.ts';

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
  const { violations } = await runWorld({ plan: plainPlan({ seed, vcpusOfHost: 64 }), actions });
  expect(violations).toEqual([]);
});
