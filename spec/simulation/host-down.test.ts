/** A host is down, and the network controllers are, too: what was taken from the host is given back when it can be. */
import { expect, it } from 'vitest';
import { stateOf } from '../../actors/instance/stored-chart.ts';
import { plainPlan } from './plain-plan.ts';
import { runWorld } from './run-world.ts';
import { uuidOf } from './simulated-client.ts';

it('ports that could not be given back are given back without anybody asking, while the host is still down', async () => {
  const hostIsBackMs = 500_000;
  const { violations, history } = await runWorld({
    plan: plainPlan({ vcpusOfHost: 4 }),
    actions: [
      { at: 0, wish: 'create', instance: 0, flavor: 'small' },
      { at: 20_000, fault: 'kill', process: 'host-1', forMs: hostIsBackMs },
      { at: 50_000, fault: 'kill', process: 'network-1', forMs: 150_000 },
      { at: 60_000, wish: 'delete', instance: 0 },
      { at: hostIsBackMs, wish: 'rename', instance: 0, name: 'nobody' },
    ],
  });
  expect(violations).toEqual([]);
  const versions = history.records.get(uuidOf(0)) ?? [];
  const states = versions.map(({ record }) => stateOf(record));
  expect(states.slice(states.indexOf('reclaiming'))).toEqual([
    'reclaiming',
    'failed.reclaiming',
    'reclaiming',
    'deleted',
  ]);
  const began = versions[0]?.at ?? 0;
  expect((versions.at(-1)?.at ?? 0) - began).toBeLessThan(hostIsBackMs);
});
