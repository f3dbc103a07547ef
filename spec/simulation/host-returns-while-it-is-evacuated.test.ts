/**
 * A host has compared its guests with the records, and has yet to say that it is back, when an instance is moved away from
 * it: what it has of that it is told to remove, and nothing is made elsewhere before it has.
 */
import { expect, it } from 'vitest';
import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import type { Asked, History } from '../checker/history.ts';
import type { Action } from './actions.ts';
import { plainPlan } from './plain-plan.ts';
import { runWorld } from './run-world.ts';
import { uuidOf } from './simulated-client.ts';

const plan = plainPlan({ seed: 5, hosts: ['host-1', 'host-2'] });
const creates = [0, 1, 2, 3].map((instance): Action => ({ at: 100, wish: 'create', instance, flavor: 'small' }));

/** On which hosts the instance was, one after the other. */
function hostsOf({ records }: History, instance: number): string[] {
  const hosts = (records.get(uuidOf(instance)) ?? []).map(({ record }) => contextOf(record).host);
  return hosts.filter((host, index): host is string => host !== undefined && hosts.indexOf(host) === index);
}

interface Return {
  /** How long the host needs to remove the copy of an instance that was moved away before: nobody is told yet that it is back. */
  comparesForMs?: number;
  more?: (lost: string) => Action[];
}

async function whileItReturns({ comparesForMs = 12_000, more = () => [] }: Return = {}) {
  const alone = await runWorld({ plan, actions: creates });
  const [lost = ''] = hostsOf(alone.history, 0);
  const neighbour = [1, 2, 3].find((instance) => hostsOf(alone.history, instance)[0] === lost) ?? 0;
  const { history, violations } = await runWorld({
    plan,
    actions: [
      ...creates,
      { at: 10_000, fault: 'kill', process: lost, forMs: 30_000 },
      { at: 35_000, wish: 'evacuate', instance: neighbour },
      { at: 36_000, fault: 'hangStep', host: lost, step: 'destroyDomain', forMs: comparesForMs },
      { at: 42_000, wish: 'evacuate', instance: 0 },
      ...more(lost),
    ],
  });
  const { uuid, at: askedAt } = history.asked.findLast(({ verb }) => verb === 'evacuate') as Asked;
  const guests = history.guests.filter((guest) => guest.uuid === uuid);
  const states = (history.records.get(uuid) ?? [])
    .filter(({ at }) => at > askedAt)
    .map(({ record }) => stateOf(record));
  return {
    violations,
    askedAt,
    states,
    goneAt: guests.find(({ host, powerState }) => host === lost && powerState === 'absent')?.at,
    madeAt: guests.find(({ host }) => host !== lost)?.at,
  };
}

it('makes the guest anew only when the one that the host has is gone', async () => {
  const { violations, goneAt, madeAt } = await whileItReturns();
  expect(violations).toEqual([]);
  expect(madeAt).toBeGreaterThan(goneAt ?? Number.POSITIVE_INFINITY);
});

it.each([47_900, 48_050, 48_100, 48_200])('nor when the host is without its hypervisor after %i ms', async (at) => {
  const { violations, goneAt, madeAt } = await whileItReturns({
    more: (host) => [{ at, fault: 'loseHypervisor', host, forMs: 40_000 }],
  });
  expect(violations).toEqual([]);
  expect(madeAt).toBeGreaterThan(goneAt ?? Number.POSITIVE_INFINITY);
});

it('waits for as long as a host may compare', async () => {
  const { violations, askedAt, goneAt, madeAt } = await whileItReturns({ comparesForMs: 200_000 });
  expect(violations).toEqual([]);
  expect(goneAt).toBeGreaterThan(askedAt + 150_000);
  expect(madeAt).toBeGreaterThan(goneAt ?? Number.POSITIVE_INFINITY);
});

it('leaves it where it was, and running, when the host does not find its hypervisor', async () => {
  const { violations, states, madeAt } = await whileItReturns({
    more: (host) => [
      { at: 47_900, fault: 'loseHypervisor', host, forMs: 500_000 },
      { at: 700_000, wish: 'rename', instance: 1, name: 'later' },
    ],
  });
  expect(violations).toEqual([]);
  expect(madeAt).toBeUndefined();
  const way = ['evacuating.leaving', 'failed.powering', 'inspecting', 'running'];
  expect(states.slice(0, way.length)).toEqual(way);
});

it('waits for no host that dies while it returns', async () => {
  const { violations, askedAt, goneAt, madeAt } = await whileItReturns({
    more: (process) => [{ at: 43_000, fault: 'kill', process, forMs: 200_000 }],
  });
  expect(violations).toEqual([]);
  expect(madeAt).toBeLessThan(askedAt + 30_000);
  expect(goneAt).toBeGreaterThan(askedAt + 200_000);
});
