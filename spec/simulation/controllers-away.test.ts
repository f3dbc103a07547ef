/**
 * No controller is there for longer than any step may take, and a host can store nothing. What it is about waits: that
 * nobody stored what it began is no failure of an instance.
 */
import { expect, it } from 'vitest';
import { stateOf } from '../../actors/instance/stored-chart.ts';
import { plainPlan } from './plain-plan.ts';
import { runWorld } from './run-world.ts';
import { uuidOf } from './simulated-client.ts';

const awayMs = 400_000;

it('a launch that was on its way, and guests whose machine was booted, run when a controller is back', async () => {
  const recovery = { rebootedGuests: 'start', lostGuests: 'restart' } as const;
  const { violations, history } = await runWorld({
    plan: plainPlan({ recovery }),
    actions: [
      { at: 0, wish: 'create', instance: 0, flavor: 'small' },
      { at: 0, wish: 'create', instance: 1, flavor: 'small' },
      { at: 20_000, wish: 'create', instance: 2, flavor: 'small' },
      { at: 20_030, fault: 'kill', process: 'controller-1', forMs: awayMs },
      { at: 30_000, fault: 'shutDownGuest', instance: 1 },
      { at: 40_000, fault: 'rebootMachine', host: 'host-1', forMs: 1_000 },
      { at: awayMs + 60_000, wish: 'rename', instance: 0, name: 'nobody' },
    ],
  });
  expect(violations).toEqual([]);
  for (const instance of [0, 1, 2]) {
    const versions = history.records.get(uuidOf(instance)) ?? [];
    const states = versions.map(({ record }) => stateOf(record));
    expect(states.filter((state) => state.startsWith('failed'))).toEqual([]);
    // And then the world is emptied.
    expect(states.filter((state) => !isLeaving(state)).at(-1)).toBe('running');
  }
});

function isLeaving(state: string): boolean {
  return state.startsWith('releasing') || state === 'deleted';
}
