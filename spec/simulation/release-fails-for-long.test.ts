/**
 * A host cannot give back what an instance holds, for longer than anything waits for a host; it lives, and tries again. What
 * it holds is nobody else's meanwhile: no port is given back, and nothing is begun elsewhere.
 */
import { expect, it } from 'vitest';
import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import type { Failure } from '../../machines/failure.ts';
import type { Action } from './actions.ts';
import { plainPlan } from './plain-plan.ts';
import { runWorld } from './run-world.ts';
import { uuidOf } from './simulated-client.ts';

const failure: Failure = { code: 'hypervisor_error', message: 'read-only file system', disposition: 'reschedule' };
const hosts = ['host-1', 'host-2'];
const forMs = 25 * 60_000;
const onAllHosts = (at: number, step: 'createDomain' | 'destroyDomain' | 'removeDisks'): Action[] =>
  hosts.map((host) => ({
    at,
    fault: 'failStep',
    host,
    step,
    times: Number.POSITIVE_INFINITY,
    failure,
    timing: 'before',
  }));

const stories: [string, Action[], string][] = [
  ['a deletion', [...onAllHosts(10_000, 'removeDisks'), { at: 11_000, wish: 'delete', instance: 0 }], 'deleted'],
  ['a launch', [...onAllHosts(0, 'createDomain'), ...onAllHosts(0, 'destroyDomain')], 'running'],
];

it.each(stories)('%s stays with its host, which ends it when it can', async (_, actions, end) => {
  const { violations, history } = await runWorld({
    plan: plainPlan({ hosts }),
    actions: [
      { at: 100, wish: 'create', instance: 0, flavor: 'small' },
      ...actions,
      // For as long as something is yet to be asked, nothing heals.
      { at: forMs, wish: 'rename', instance: 0, name: 'still-there' },
    ],
  });
  expect(violations).toEqual([]);
  const versions = history.records.get(uuidOf(0)) ?? [];
  const first = versions.findIndex(({ record }) => stateOf(record) === 'failed.releasing');
  const renamed = versions.findIndex(({ record }) => record.name === 'still-there');
  const meanwhile = versions.slice(first, renamed);
  expect((versions[renamed]?.at ?? 0) - (versions[first]?.at ?? 0)).toBeGreaterThan(20 * 60_000);
  expect(new Set(meanwhile.map(({ record }) => contextOf(record).host)).size).toBe(1);
  for (const { record } of meanwhile) {
    expect(stateOf(record)).toMatch(/^(failed\.)?releasing\b/);
    expect(contextOf(record).ports).toHaveLength(1);
  }
  // Once a minute.
  expect(meanwhile.filter(({ record }) => stateOf(record) === 'failed.releasing').length).toBeGreaterThan(20);
  const later = versions.slice(renamed).map(({ record }) => stateOf(record));
  expect(later).not.toContain('reclaiming');
  expect(later).toContain(end);
});
