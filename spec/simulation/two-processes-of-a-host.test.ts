/**
 * A second process takes over a host whose first was stopped for a while, and goes on. Before that has learned that it is
 * the host's no longer it is given casts, which it must not take: what it began would be nobody's.
 */
import { expect, it } from 'vitest';
import { stateOf } from '../../actors/instance/stored-chart.ts';
import type { Action } from './actions.ts';
import { plainPlan } from './plain-plan.ts';
import { runWorld } from './run-world.ts';
import { uuidOf } from './simulated-client.ts';

const launches = 36;
/** The first goes on at 14 s; what is launched just then either may be given. */
const actions: Action[] = [
  { at: 2_000, fault: 'twin', process: 'host-1', forMs: 12_000 },
  ...Array.from(
    { length: launches },
    (_, instance): Action => ({ at: 13_940 + instance * 3, wish: 'create', instance, flavor: 'small' }),
  ),
  { at: 60_000, wish: 'rename', instance: 0, name: 'settled' },
];

it.each([7, 8])('each launch goes on at once, whichever of the two is given it: world %i', async (seed) => {
  const { violations, history } = await runWorld({ plan: plainPlan({ seed, vcpusOfHost: 64 }), actions });
  expect(violations).toEqual([]);
  for (let instance = 0; instance < launches; instance++) {
    const versions = history.records.get(uuidOf(instance)) ?? [];
    const running = versions.find(({ record }) => stateOf(record) === 'running');
    expect((running?.at ?? Number.POSITIVE_INFINITY) - (versions[0]?.at ?? 0)).toBeLessThan(15_000);
  }
});
