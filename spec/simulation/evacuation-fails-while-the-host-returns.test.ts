/**
 * A host returns while its instance is being moved away from it, and the move fails: the disk has to be there still, and the
 * instance is the host's again by way of the control plane.
 */
import { expect, it } from 'vitest';
import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import type { Action } from './actions.ts';
import { plainPlan } from './plain-plan.ts';
import { runWorld } from './run-world.ts';
import { uuidOf } from './simulated-client.ts';

const plan = plainPlan({ seed: 5, hosts: ['host-1', 'host-2'] });
const create: Action = { at: 100, wish: 'create', instance: 0, flavor: 'small' };

it('stops the guest, keeps its disk, takes the instance up again, and lets it be started', async () => {
  const alone = await runWorld({ plan, actions: [create] });
  const lost =
    alone.history.records
      .get(uuidOf(0))
      ?.map(({ record }) => contextOf(record).host)
      .find(Boolean) ?? '';
  const other = plan.hosts.find((name) => name !== lost) ?? '';
  const failure = { code: 'hypervisor_error', message: 'the image cannot be had', disposition: 'abort' } as const;
  const { history, violations } = await runWorld({
    plan,
    actions: [
      create,
      { at: 10_000, fault: 'cut', process: lost, forMs: 25_000 },
      { at: 30_000, fault: 'hangStep', host: other, step: 'createDisks', forMs: 30_000 },
      { at: 33_000, wish: 'evacuateHost', host: lost },
      { at: 59_000, fault: 'failStep', host: other, step: 'createDisks', times: 5, failure, timing: 'before' },
      { at: 150_000, wish: 'start', instance: 0 },
    ],
  });
  const states = (history.records.get(uuidOf(0)) ?? []).map(
    ({ record }) => `${stateOf(record)} on ${contextOf(record).host}`,
  );
  const steps = [
    `evacuating.creatingDisks on ${other}`,
    'evacuating.returning on undefined',
    `failed.powering on ${lost}`,
    // By itself: it looks what is left here of what has come back.
    `inspecting on ${lost}`,
    `starting on ${lost}`,
    `running on ${lost}`,
  ];
  const since = states.slice(states.indexOf(`evacuating.creatingDisks on ${other}`));
  expect(since.filter((state, index) => steps.includes(state) && since.indexOf(state) === index)).toEqual(steps);
  expect(violations).toEqual([]);
});
