import { describe, expect, it } from 'vitest';
import { statesWithin } from '../../transport/visualizer/chart.ts';
import { knownChart } from '../../transport/visualizer/known-charts.ts';
import { type Moment, pathTaken } from '../../transport/visualizer/path-taken.ts';
import { transitionWords } from '../../transport/visualizer/words.ts';

const instance = knownChart('instance');
const host = knownChart('host');

function came(at: number, ...states: string[]): Moment {
  return { at, states, isMove: true };
}

function wordsOf(ids: ReadonlySet<string>, chart = instance): string[] {
  const all = statesWithin(chart.root).flatMap(({ transitions }) => transitions);
  return all
    .filter(({ id }) => ids.has(id))
    .map((each) => `${each.source}: ${transitionWords(each, chart.id)} → ${each.target}`);
}

const launch = [
  came(0, 'scheduling'),
  came(10, 'building.checking'),
  came(15, 'building.claiming'),
  came(30, 'networking'),
];
const fault = 'the disk is full';
const failedLaunch: Moment[] = [
  ...launch,
  came(40, 'mapping'),
  came(45, 'spawning.preparingFilter'),
  { ...came(50, 'releasing.destroyingDomain'), fault },
  { ...came(55, 'releasing.removingFilter'), fault },
  { ...came(60, 'failed.releasing'), fault: 'the filter could not be removed' },
];

describe('the path that was taken', () => {
  it('knows where it stands, and how long it was where, also around the innermost states', () => {
    const { now, visits } = pathTaken(instance, launch);
    expect([...now]).toEqual(['networking']);
    expect(Object.fromEntries(visits)).toEqual({
      scheduling: { ms: 10, times: 1 },
      building: { ms: 20, times: 1 },
      'building.checking': { ms: 5, times: 1 },
      'building.claiming': { ms: 15, times: 1 },
      networking: { ms: 0, times: 1 },
    });
  });

  it('knows the transitions, and the last of them', () => {
    const { taken, latest } = pathTaken(instance, launch);
    expect(wordsOf(taken)).toEqual([
      'scheduling: scheduled → building',
      'building.checking: done → building.claiming',
      'building.claiming: done → networking',
    ]);
    expect(wordsOf(latest)).toEqual(['building.claiming: done → networking']);
  });

  it('knows which states failed, and only those, while what it held is given back', () => {
    const { failed, taken, visits } = pathTaken(instance, failedLaunch);
    expect([...failed]).toEqual(['spawning.preparingFilter', 'releasing.removingFilter']);
    expect(wordsOf(taken)).toEqual(
      expect.arrayContaining([
        'spawning.preparingFilter: fails → releasing',
        'releasing.destroyingDomain: done → releasing.removingFilter',
        'releasing.removingFilter: fails → failed.releasing',
      ]),
    );
    expect(visits.get('releasing')).toEqual({ ms: 10, times: 1 });
  });

  it('goes back in time by what is left out', () => {
    const { now, failed } = pathTaken(instance, failedLaunch.slice(0, 4));
    expect([[...now], [...failed]]).toEqual([['networking'], []]);
  });

  it('takes what was asked for as the way there, also from a state around it, and notes for no move', () => {
    const asked: Moment[] = [
      ...launch,
      { at: 70, states: ['networking'], isMove: false, command: 'delete' },
      { at: 71, states: ['networking'], isMove: false },
      came(80, 'releasing.destroyingDomain'),
    ];
    const { latest, visits } = pathTaken(instance, asked);
    expect(wordsOf(latest)).toEqual([': delete → releasing']);
    expect(visits.get('networking')).toEqual({ ms: 50, times: 1 });
  });

  it('counts a state that it came to anew', () => {
    const { visits, latest } = pathTaken(instance, [came(0, 'inspecting'), came(7, 'inspecting')]);
    expect(visits.get('inspecting')).toEqual({ ms: 7, times: 2 });
    expect(wordsOf(latest)).toEqual(['inspecting: domain.changed → inspecting']);
  });

  it('stands in each part of a parallel machine, and moves in one', () => {
    const { now, latest, visits } = pathTaken(host, [
      { at: 0, states: ['hypervisor.up', 'service.enabled'], isMove: false },
      { ...came(9, 'hypervisor.up', 'service.draining'), command: 'drain' },
    ]);
    expect([...now]).toEqual(['hypervisor.up', 'service.draining']);
    expect(wordsOf(latest, host)).toEqual(['service: drain → service.draining']);
    expect(visits.get('service.enabled')).toEqual({ ms: 9, times: 1 });
  });
});
