/**
 * A host has compared its guests with the records, and has yet to say that it is back, when an instance is moved away from
 * it: what it has of that it is told to remove, and nothing is made elsewhere before it has.
 */
import { expect, it } from 'vitest';
import { contextOf } from '../../actors/instance/stored-chart.ts';
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

/** Another instance of the host was moved away before: while its copy is removed, nobody is told yet that the host is back. */
async function whileItReturns(more: (lost: string) => Action[] = () => []) {
  const alone = await runWorld({ plan, actions: creates });
  const [lost = ''] = hostsOf(alone.history, 0);
  const neighbour = [1, 2, 3].find((instance) => hostsOf(alone.history, instance)[0] === lost) ?? 0;
  const { history, violations } = await runWorld({
    plan,
    actions: [
      ...creates,
      { at: 10_000, fault: 'kill', process: lost, forMs: 30_000 },
      { at: 35_000, wish: 'evacuate', instance: neighbour },
      { at: 36_000, fault: 'hangStep', host: lost, step: 'destroyDomain', forMs: 12_000 },
      { at: 42_000, wish: 'evacuate', instance: 0 },
      ...more(lost),
    ],
  });
  const { uuid, at: askedAt } = history.asked.findLast(({ verb }) => verb === 'evacuate') as Asked;
  const guests = history.guests.filter((guest) => guest.uuid === uuid);
  return {
    violations,
    askedAt,
    goneAt: guests.find(({ host, powerState }) => host === lost && powerState === 'absent')?.at,
    madeAt: guests.find(({ host }) => host !== lost)?.at,
  };
}

it('makes the guest anew only when the one that the host has is gone', async () => {
  const { violations, goneAt, madeAt } = await whileItReturns();
  expect(violations).toEqual([]);
  expect(madeAt).toBeGreaterThan(goneAt ?? Number.POSITIVE_INFINITY);
});

it('waits for no host that dies while it returns', async () => {
  const dies = (process: string): Action => ({ at: 43_000, fault: 'kill', process, forMs: 200_000 });
  const { violations, askedAt, goneAt, madeAt } = await whileItReturns((lost) => [dies(lost)]);
  expect(violations).toEqual([]);
  expect(madeAt).toBeLessThan(askedAt + 30_000);
  expect(goneAt).toBeGreaterThan(askedAt + 200_000);
});
