/** What becomes of commands that meet, and of those that a host hears of too late. */
import { expect, it } from 'vitest';
import { stateOf } from '../../actors/instance/stored-chart.ts';
import type { History } from '../checker/history.ts';
import type { Action } from './actions.ts';
import { plainPlan } from './plain-plan.ts';
import { runWorld } from './run-world.ts';
import { uuidOf } from './simulated-client.ts';

const plan = plainPlan({ seed: 3, controllers: 2 });
const create: Action = { at: 100, wish: 'create', instance: 0, flavor: 'small' };

const statesOf = ({ records }: History) => (records.get(uuidOf(0)) ?? []).map(({ record }) => stateOf(record));
const askedFor = ({ asked }: History, verb: string) => asked.filter((each) => each.verb === verb);

it('of two clients who ask for the same at once one is obeyed, and the other told why not', async () => {
  const stop: Action = { at: 10_000, wish: 'stop', instance: 0 };
  const { violations, history } = await runWorld({ plan, actions: [create, stop, stop] });
  expect(violations).toEqual([]);
  const answers = askedFor(history, 'stop').map(({ outcome, failure }) => [outcome, failure?.code]);
  expect(answers.toSorted()).toEqual([
    ['accepted', undefined],
    ['refused', 'conflict'],
  ]);
  expect(statesOf(history).filter((state) => state === 'stopping')).toHaveLength(1);
});

it('what the host did not hear of is not done any more when something else was asked for since', async () => {
  const { violations, history } = await runWorld({
    plan,
    actions: [
      create,
      { at: 10_000, fault: 'cut', process: 'host-1', forMs: 60_000 },
      { at: 12_000, wish: 'stop', instance: 0 },
      // There is no other host, so that it stays where it is.
      { at: 35_000, wish: 'evacuateHost', host: 'host-1' },
      { at: 90_000, wish: 'rename', instance: 0, name: 'still there' },
    ],
  });
  expect(violations).toEqual([]);
  expect(askedFor(history, 'stop')).toMatchObject([
    { outcome: 'unknown', failure: { code: 'timeout', message: expect.stringContaining('it may be asked again') } },
  ]);
  const states = statesOf(history);
  expect(states).toContain('evacuating.scheduling');
  expect(states).not.toContain('stopping');
});
