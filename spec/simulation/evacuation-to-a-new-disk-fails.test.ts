/**
 * Of a host that shares its disks an instance is to leave for a new one, and no other host will do. The disk is gone by
 * then, as was asked for; its guest runs on, since nobody saw to it that the lost host is off, and is known again.
 */
import { expect, it } from 'vitest';
import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import type { Action } from './actions.ts';
import { plainPlan } from './plain-plan.ts';
import { runWorld } from './run-world.ts';
import { uuidOf } from './simulated-client.ts';

const plan = plainPlan({ hosts: ['host-1', 'host-2'], sharers: 2 });
const failure = { code: 'hypervisor_error', message: 'a simulated failure', disposition: 'reschedule' } as const;
const launch: Action = { at: 0, wish: 'create', instance: 0, flavor: 'small' };
const failing = (host: string): Action => ({
  at: 50_000,
  fault: 'failStep',
  host,
  step: 'defineDomain',
  times: 100,
  failure,
  timing: 'before',
});

it('the instance is where it was, with a fault that says why', async () => {
  const placed = await runWorld({ plan, actions: [launch] });
  const lost = contextOf(placed.history.records.get(uuidOf(0))?.at(-1)?.record as never).host ?? '';
  const actions: Action[] = [
    launch,
    { at: 20_000, fault: 'kill', process: lost, forMs: 80_000 },
    failing(plan.hosts.find((host) => host !== lost) ?? ''),
    { at: 60_000, wish: 'evacuateHost', host: lost, newDisk: true },
    { at: 120_000, wish: 'rename', instance: 0, name: 'settled' },
  ];
  const { violations, history } = await runWorld({ plan, actions });
  expect(violations).toEqual([]);
  const settled = history.records.get(uuidOf(0))?.find(({ record }) => record.name === 'settled')?.record;
  expect(settled && { state: stateOf(settled), ...contextOf(settled) }).toMatchObject({
    state: 'running',
    host: lost,
    fault: { code: 'no_valid_host' },
  });
});
