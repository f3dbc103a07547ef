/**
 * A store goes back past the move of an instance, of which only the host knows that it was moved to. No other makes a guest
 * of it, or is taken for up with the one that it has, before that host has compared what it has with the records.
 */
import { expect, it } from 'vitest';
import { stateOf } from '../../actors/instance/stored-chart.ts';
import type { History } from '../checker/history.ts';
import type { Action } from './actions.ts';
import { plainPlan } from './plain-plan.ts';
import { runWorld } from './run-world.ts';
import { uuidOf } from './simulated-client.ts';

const hosts = ['host-1', 'host-2'];
const elsewhere = { code: 'hypervisor_error', message: 'a simulated failure', disposition: 'reschedule' } as const;

/** How much each of them loses is drawn from its seed: in some it is what matters here. */
const seeds = [1, 2, 3, 4, 5, 6];

it('a launch that runs elsewhere by then is not made a second time beside it', async () => {
  let madeAgain = 0;
  for (const seed of seeds) {
    const { violations, history } = await runWorld({
      plan: plainPlan({ seed, hosts }),
      actions: [
        {
          at: 0,
          fault: 'failStep',
          host: 'host-1',
          step: 'createDomain',
          times: 3,
          failure: elsewhere,
          timing: 'before',
        },
        ...[0, 1, 2, 3, 4, 5, 6, 7].map((instance): Action => ({ at: 0, wish: 'create', instance, flavor: 'small' })),
        { at: 1_000, fault: 'pause', process: 'host-2', forMs: 8_000 },
        { at: 1_000, fault: 'killNats', forMs: 200, lost: 80 },
      ],
    });
    expect(violations, `seed ${seed}`).toEqual([]);
    for (const uuid of history.records.keys()) {
      const [goneAt, madeAt] = [whenOn(history, 'host-2', uuid, 'absent'), whenOn(history, 'host-1', uuid, 'running')];
      if (Number.isNaN(goneAt) || Number.isNaN(madeAt)) continue;
      expect(madeAt, `seed ${seed}`).toBeGreaterThan(goneAt);
      madeAgain += 1;
    }
  }
  expect(madeAgain).toBeGreaterThan(0);
});

it('a host that was cut off is not up before what was moved from it is gone', async () => {
  let outlived = 0;
  for (const seed of seeds) {
    const { violations, history } = await runWorld({
      plan: plainPlan({ seed, hosts }),
      actions: [
        { at: 100, wish: 'create', instance: 0, flavor: 'small' },
        ...Array.from({ length: 20 }, (_, index): Action => {
          return { at: 3_000 + 50 * index, wish: 'rename', instance: 0, name: `renamed-${index}` };
        }),
        { at: 5_000, fault: 'cut', process: 'host-1', forMs: 37_000 },
        { at: 32_000, wish: 'evacuateHost', host: 'host-1' },
        { at: 39_000, fault: 'pause', process: 'host-2', forMs: 8_000 },
        { at: 40_000, fault: 'killNats', forMs: 200, lost: 30 },
      ],
    });
    expect(violations, `seed ${seed}`).toEqual([]);
    const [first, second] = hosts.map((host) => whenOn(history, host, uuidOf(0), 'absent'));
    if (Number(second) < Number(first)) outlived += 1;
  }
  expect(outlived).toBeGreaterThan(0);
});

it('a host that died with the server is waited for until it is declared down, and no launch is sent there', async () => {
  const { violations, history } = await runWorld({
    plan: plainPlan({ hosts: [...hosts, 'host-3'] }),
    actions: [
      { at: 5_000, fault: 'kill', process: 'host-2', forMs: 120_000 },
      { at: 5_000, fault: 'killNats', forMs: 200 },
      // Its client token may be that of a guest of the one that is not heard.
      { at: 7_000, wish: 'create', instance: 0, flavor: 'small' },
      { at: 45_000, wish: 'create', instance: 0, flavor: 'small' },
    ],
  });
  expect(violations).toEqual([]);
  const asked = history.asked.filter(({ verb, uuid }) => verb === 'create' && uuid === uuidOf(0));
  expect([asked[0]?.failure?.code, asked.at(-1)?.outcome]).toEqual(['unavailable', 'accepted']);
  const versions = history.records.get(uuidOf(0)) ?? [];
  const running = versions.find(({ record }) => stateOf(record) === 'running');
  expect((running?.at ?? Number.POSITIVE_INFINITY) - (versions[0]?.at ?? 0)).toBeLessThan(10_000);
  expect(versions.map(({ record }) => record.owner)).not.toContainEqual({ host: 'host-2' });
});

/** When the guest did that on the host for the first time since the server was killed; NaN: it never did. */
function whenOn({ guests, faults }: History, host: string, uuid: string, powerState: 'running' | 'absent'): number {
  const killedAt = faults.find(({ what }) => what.includes('killNats'))?.at ?? 0;
  const seen = guests.filter((guest) => guest.host === host && guest.uuid === uuid && guest.at > killedAt);
  return seen.find((guest) => guest.powerState === powerState)?.at ?? Number.NaN;
}
