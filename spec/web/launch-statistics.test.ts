import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { LaunchStatistics, percentilesOf } from '../../actors/web/launch-statistics.ts';
import type { InstanceFact } from '../../transport/messages/internal.ts';
import { statistics as messages } from '../../transport/messages/statistics.ts';
import { recordedAt, recordedFacts } from './recorded-launches.ts';

const now = recordedAt + 2_000;
const uuids = { runs: randomUUID(), moves: randomUUID(), breaks: randomUUID() };
const recorded = recordedFacts('shop', uuids);

function told(...facts: InstanceFact[]): LaunchStatistics {
  const statistics = new LaunchStatistics();
  for (const fact of facts) statistics.take(fact, now);
  return statistics;
}

/** The first launch of the record, as that of another instance that is slower by a factor. */
function launchOf(uuid: string, { projectId = 'shop', factor = 1 } = {}): InstanceFact[] {
  const facts = recordedFacts(projectId, { ...uuids, runs: uuid }).filter((fact) => fact.uuid === uuid);
  return facts.map((fact) => ({ ...fact, at: recordedAt + (fact.at - recordedAt) * factor }));
}

describe('what was told of launches', () => {
  it('becomes counts of what came of them, why, and where they were placed', () => {
    const { launches } = told(...recorded).figures(undefined, now);
    expect(launches).toMatchObject({
      since: '2026-11-22T23:59:00.000Z',
      ended: 3,
      underWay: 0,
      rescheduled: 2,
      outcomes: [
        { outcome: 'running', count: 1 },
        { outcome: 'failed', count: 2 },
        { outcome: 'deleted', count: 0 },
      ],
      placed: [
        { host: 'host2', count: 2 },
        { host: 'host1', count: 2 },
      ],
      unplaced: 1,
      total: { p50Ms: 261, p90Ms: 261, p99Ms: 261 },
    });
    expect(launches.failures).toEqual([
      { code: 'no_valid_host', count: 1 },
      { code: 'hypervisor_error', count: 1 },
    ]);
  });

  it('becomes the time in each state, of each visit', () => {
    const { launches } = told(...recorded).figures(undefined, now);
    const byState = Object.fromEntries(launches.states.map(({ state, ...rest }) => [state, rest]));
    // 86, 2, 15, 6 and 16 ms.
    expect(byState.scheduling).toEqual({ count: 5, p50Ms: 15, p90Ms: 86, p99Ms: 86 });
    expect(byState.networking?.count).toBe(4);
    expect(byState['spawning.waitingForBoot']).toEqual({ count: 1, p50Ms: 0, p90Ms: 0, p99Ms: 0 });
    expect(Object.keys(byState)).not.toContain('running');
  });

  it('becomes the waterfall of each launch, which adds up to what it took', () => {
    const statistics = told(...recorded);
    for (const uuid of Object.values(uuids)) {
      const launch = statistics.launch(uuid, undefined);
      messages.launch.check(launch);
      const { steps = [], tookMs } = launch ?? {};
      expect(steps.reduce((sum, step) => sum + (step.tookMs ?? 0), 0)).toBe(tookMs);
      for (const [index, { offsetMs }] of steps.entries()) {
        expect(offsetMs).toBe(steps.slice(0, index).reduce((sum, step) => sum + (step.tookMs ?? 0), 0));
      }
    }
    const moved = statistics.launch(uuids.moves, 'shop');
    expect(moved).toMatchObject({ outcome: 'failed', attempts: 3, failure: { code: 'no_valid_host' } });
    expect(moved?.steps.filter(({ state }) => state === 'spawning.creatingDomain')).toMatchObject([
      { attempt: 1, host: 'host1', tookMs: 9 },
      { attempt: 2, host: 'host2', tookMs: 3 },
    ]);
  });

  it('is shown while it is under way, and the newest first', () => {
    const begun = recorded.slice(0, recorded.findIndex(({ to }) => to === 'networking') + 1);
    const statistics = told(...begun, ...launchOf(randomUUID()).slice(0, 1));
    const { launches, latest } = statistics.figures(undefined, now);
    expect(launches).toMatchObject({ ended: 0, underWay: 2, states: [], outcomes: [{ count: 0 }, {}, {}] });
    expect(launches.total).toBeUndefined();
    const shown = latest.find(({ uuid }) => uuid === uuids.runs);
    expect(shown).not.toHaveProperty('outcome');
    expect(shown?.steps.at(-1)).toEqual({ state: 'networking', attempt: 1, host: 'host2', offsetMs: 203 });
  });

  it('counts in its minute, and is forgotten after an hour', () => {
    const statistics = told(...recorded);
    const { minutes } = statistics.figures(undefined, now);
    expect(minutes).toHaveLength(60);
    expect(minutes.at(-1)).toEqual({ at: '2026-11-22T23:59:00.000Z', begun: 3, running: 1, failed: 2 });
    const later = statistics.figures(undefined, now + 59 * 60_000).minutes;
    expect(later[0]).toMatchObject({ begun: 3 });
    expect(statistics.figures(undefined, now + 60 * 60_000).minutes.every(({ begun }) => begun === 0)).toBe(true);
  });
});

describe('a project', () => {
  it('sees its own launches only', () => {
    const other = randomUUID();
    const statistics = told(...recorded, ...launchOf(other, { projectId: 'blog' }));
    expect(statistics.figures('blog', now)).toMatchObject({
      launches: { ended: 1, rescheduled: 0, failures: [], unplaced: 0, placed: [{ host: 'host2', count: 1 }] },
      latest: [{ uuid: other }],
    });
    expect(statistics.figures('blog', now).minutes.at(-1)).toMatchObject({ begun: 1, running: 1, failed: 0 });
    expect(statistics.figures(undefined, now).launches.ended).toBe(4);
    expect(statistics.launch(other, 'shop')).toBeUndefined();
    expect(statistics.figures('none', now).launches.ended).toBe(0);
  });
});

describe('what is told', () => {
  it('again, of what follows a launch, or of a launch that began before counts for nothing', () => {
    const twice = recorded.flatMap((fact) => [fact, fact]);
    const once = told(...recorded).figures(undefined, now);
    expect(told(...twice).figures(undefined, now)).toEqual(once);
    expect(told(...recorded, ...recorded).figures(undefined, now)).toEqual(once);
    expect(told(...recorded.slice(1, 14)).figures(undefined, now).launches.ended).toBe(0);
  });

  it('in another order by different processes makes no step that there was not', () => {
    const facts = launchOf(uuids.runs);
    const [created, placed, checked, ...rest] = facts as [InstanceFact, InstanceFact, InstanceFact, ...InstanceFact[]];
    const { steps = [] } = told(created, checked, placed, ...rest).launch(uuids.runs, undefined) ?? {};
    expect(steps.map(({ state }) => state).slice(0, 3)).toEqual(['scheduling', 'building.claiming', 'networking']);
    expect(steps.reduce((sum, { tookMs = 0 }) => sum + tookMs, 0)).toBe(261);
  });

  it('by a clock that is behind takes no time, and by one that is far ahead counts for nothing', () => {
    const facts = launchOf(uuids.runs);
    const behind = facts.map((fact, index) => (index === 0 ? fact : { ...fact, at: fact.at - 10_000 }));
    const launch = told(...behind).launch(uuids.runs, undefined);
    expect(launch?.outcome).toBe('running');
    expect(launch?.steps[0]?.tookMs).toBe(0);
    const ahead = facts.map((fact) => ({ ...fact, at: Number.MAX_SAFE_INTEGER }));
    expect(told(...ahead).figures(undefined, now).launches.underWay).toBe(0);
  });
});

it('percentiles are of the nearest rank, of the last thousand launches', () => {
  expect(percentilesOf([5, 1, 4, 2, 3, 10, 9, 8, 7, 6])).toEqual({ p50Ms: 5, p90Ms: 9, p99Ms: 10 });
  expect(percentilesOf([7])).toEqual({ p50Ms: 7, p90Ms: 7, p99Ms: 7 });
  const many = Array.from({ length: 1200 }, (_, index) => launchOf(randomUUID(), { factor: (index + 1) / 261 }));
  const figures = told(...many.flat()).figures(undefined, now);
  messages.all.encode(figures);
  // The first 200 are forgotten: the others took 201 to 1200 ms.
  expect(figures.launches.ended).toBe(1000);
  expect(figures.launches.total?.p50Ms).toBeCloseTo(700);
  expect(figures.launches.total?.p99Ms).toBeCloseTo(1190);
  expect(figures.latest).toHaveLength(20);
});
