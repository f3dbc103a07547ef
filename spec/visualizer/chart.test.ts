import { describe, expect, it } from 'vitest';
import { createMachine } from 'xstate';
import { hostMachine } from '../../machines/host.ts';
import { instanceMachine } from '../../machines/instance.ts';
import { type Chart, type ChartState, chartOf, statesWithin } from '../../transport/visualizer/chart.ts';
import { knownChart } from '../../transport/visualizer/known-charts.ts';
import { aboutState, aboutTransitions, mergedWords, transitionWords } from '../../transport/visualizer/words.ts';
import { lamp } from './support.ts';

function stateAt({ root }: Chart, path: string): ChartState {
  const found = statesWithin(root).find((state) => state.path === path);
  if (!found) throw new Error(`there is no ${path}`);
  return found;
}

describe('a chart', () => {
  it('has each state of the machine once, in the machine’s own order', () => {
    expect(statesWithin(lamp.root).map(({ path, kind, isInitial }) => [path, kind, isInitial])).toEqual([
      ['', 'compound', true],
      ['off', 'atomic', true],
      ['on', 'compound', false],
      ['on.dim', 'atomic', true],
      ['on.bright', 'atomic', false],
      ['on.burning', 'final', false],
      ['broken', 'final', false],
    ]);
  });

  it('has what each transition waits for, its condition, and what it does', () => {
    expect(stateAt(lamp, 'off').transitions).toMatchObject([
      {
        kind: 'event',
        event: 'lamp.press',
        target: 'on',
        guard: 'has power',
        isOtherwise: false,
        actions: ['say light'],
      },
      { kind: 'event', event: 'lamp.press', target: 'off', isOtherwise: true, isReentering: true },
      { kind: 'event', event: 'dust.settled', actions: ['count'] },
    ]);
    expect(stateAt(lamp, 'on').transitions).toMatchObject([
      { kind: 'done', target: 'off' },
      { kind: 'after', of: 'patience', target: 'off' },
    ]);
    expect(stateAt(lamp, 'on.bright').transitions).toMatchObject([{ kind: 'always', target: 'on.burning' }]);
    expect(stateAt(knownChart('instance'), 'networking')).toMatchObject({
      invokes: ['allocateNetwork'],
      transitions: [
        { kind: 'event', event: 'host.lost', target: 'reclaiming' },
        { kind: 'done', of: 'allocateNetwork', target: 'mapping', actions: ['record ports'] },
        { kind: 'failed', of: 'allocateNetwork', actions: ['blame networking'] },
      ],
    });
  });

  it.each([instanceMachine, hostMachine])(
    'has the same states and targets when its configuration came as JSON: $id',
    (machine) => {
      const made = chartOf(createMachine(JSON.parse(JSON.stringify(machine.config))));
      const ways = (chart: Chart) =>
        statesWithin(chart.root).map(({ path, transitions }) => [
          path,
          transitions.map(({ event, target }) => [event, target]),
        ]);
      expect(ways(made)).toEqual(ways(chartOf(machine)));
    },
  );

  it('has a target in the chart of every transition that has one, and ids of their own', () => {
    for (const chart of [lamp, knownChart('instance'), knownChart('host')]) {
      const states = statesWithin(chart.root);
      const transitions = states.flatMap((state) => state.transitions);
      const paths = new Set(states.map(({ path }) => path));
      expect(transitions.filter(({ target }) => target !== undefined && !paths.has(target))).toEqual([]);
      expect(new Set(transitions.map(({ id }) => id)).size).toBe(transitions.length);
    }
  });
});

describe('words', () => {
  const words = (path: string) => stateAt(lamp, path).transitions.map((each) => transitionWords(each, 'lamp'));

  it('say what a transition waits for as a person would', () => {
    expect(words('off')).toEqual(['press [has power]', 'press [otherwise]', 'dust.settled']);
    expect(words('on')).toEqual(['done', 'after patience']);
    expect(words('on.dim')).toEqual(['press [is brighter than 5]']);
    expect(words('on.bright')).toEqual(['at once']);
    const networking = stateAt(knownChart('instance'), 'networking').transitions;
    expect(networking.map((each) => transitionWords(each, 'instance'))).toEqual(['host.lost', 'done', 'fails']);
  });

  it('say each trigger once, and no condition that not all of them have', () => {
    expect(mergedWords(stateAt(lamp, 'off').transitions, 'lamp')).toEqual(['press', 'dust.settled']);
  });

  it('say all that is known to who asks for more', () => {
    expect(aboutState(stateAt(lamp, 'off'))).toBe('off\nIt is dark.\non entry: count\ntags: dark');
    expect(aboutTransitions(stateAt(lamp, 'off').transitions).split('\n')).toEqual([
      'off: lamp.press → on · if has power · then: say light',
      'off: lamp.press → off · otherwise',
      'off: dust.settled → stays · then: count',
    ]);
  });
});
