/** The machine of a host is booted while a guest on it reboots: the guest comes up with all that stands around it. */
import { expect, it } from 'vitest';
import { plainPlan } from './plain-plan.ts';
import { runWorld } from './run-world.ts';

it('a guest that was rebooting softly comes up behind its filter', async () => {
  const { violations, history } = await runWorld({
    plan: plainPlan(),
    actions: [
      { at: 100, wish: 'create', instance: 0, flavor: 'small' },
      { at: 10_000, wish: 'reboot', instance: 0 },
      { at: 10_030, fault: 'rebootMachine', host: 'host-1', forMs: 1_000 },
    ],
  });
  expect(violations).toEqual([]);
  expect(history.asked.map(({ verb, outcome }) => [verb, outcome])).toContainEqual(['reboot', 'accepted']);
});
