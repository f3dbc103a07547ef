/**
 * What is to be said of many launches: counts and percentiles of those that ended last, and how many begin and end in a
 * minute; of one project, or of all. Everything is bounded: older launches are forgotten.
 */
import type { InstanceFact } from '../../transport/messages/internal.ts';
import { type Launch, launchOutcomes, type Statistics } from '../../transport/messages/statistics.ts';
import { timestamp } from '../records/timestamp.ts';
import { type BookedLaunch, LaunchBook, type LaunchNews } from './launch-book.ts';

/** Percentiles are of so many. */
const mostCounted = 1_000;
/** Remembered of all projects together, so that one's are there also when another has launched many since. */
const mostRemembered = 5_000;
const mostShown = 20;
const minuteMs = 60_000;
const minutes = 60;
const mostAheadMs = 60 * minuteMs;

type Tally = Record<'begun' | 'running' | 'failed', number>;

/** What `messages` is, is counted elsewhere. */
export type LaunchFigures = Omit<Statistics, 'messages'>;

export class LaunchStatistics {
  readonly #book = new LaunchBook();
  /** By uuid; the latest last. */
  readonly #ended = new Map<string, BookedLaunch>();
  /** By minute, and in it by project; the latest last. */
  readonly #tallies = new Map<number, Map<string, Tally>>();

  /** What comes from a clock that is far ahead counts for nothing. */
  take(fact: InstanceFact, now: number): LaunchNews | undefined {
    if (fact.at > now + mostAheadMs || this.#ended.has(fact.uuid)) return undefined;
    const news = this.#book.take(fact);
    if (!news) return undefined;
    const { launch, isNew } = news;
    if (isNew) this.#count(launch, 'begun', launch.startedAt, now);
    if (launch.outcome === undefined) return news;
    this.#ended.set(launch.uuid, launch);
    const [oldest = ''] = this.#ended.size > mostRemembered ? this.#ended.keys() : [];
    this.#ended.delete(oldest);
    if (launch.outcome !== 'deleted') this.#count(launch, launch.outcome, launch.endedAt ?? now, now);
    return news;
  }

  /** Of a project, or of all. */
  figures(projectId: string | undefined, now: number): LaunchFigures {
    const isWanted = (launch: BookedLaunch) => projectId === undefined || launch.projectId === projectId;
    const ended = [...this.#ended.values()].filter(isWanted).slice(-mostCounted);
    const underWay = [...this.#book.underWay()].filter(isWanted);
    const steps = ended.flatMap((launch) => launch.steps);
    return {
      launches: {
        ...(ended.length > 0 && { since: timestamp(Math.min(...ended.map(({ startedAt }) => startedAt))) }),
        ended: ended.length,
        outcomes: launchOutcomes.map((outcome) => ({ outcome, count: ended.filter(is(outcome)).length })),
        underWay: underWay.length,
        rescheduled: ended.reduce((sum, { attempts }) => sum + attempts - 1, 0),
        failures: counted(ended.flatMap(({ failure }) => failure?.code ?? [])).map(([code, count]) => ({
          code,
          count,
        })),
        ...totalOf(ended.filter(is('running'))),
        states: [...Map.groupBy(steps, ({ state }) => state)].map(([state, all]) => ({
          state,
          count: all.length,
          ...percentilesOf(all.map(({ tookMs = 0 }) => tookMs)),
        })),
        placed: counted(ended.flatMap(placements)).map(([host, count]) => ({ host, count })),
        unplaced: ended.filter(({ failure }) => failure?.code === 'no_valid_host').length,
      },
      latest: [...ended.slice(-mostShown), ...underWay]
        .toSorted((a, b) => b.startedAt - a.startedAt)
        .slice(0, mostShown)
        .map(viewLaunch),
      minutes: this.#minutes(projectId, now),
    };
  }

  /** Nothing, when it is not known, or not of that project. */
  launch(uuid: string, projectId: string | undefined): Launch | undefined {
    const launch = this.#book.get(uuid) ?? this.#ended.get(uuid);
    return launch && (projectId === undefined || launch.projectId === projectId) ? viewLaunch(launch) : undefined;
  }

  #count({ projectId }: BookedLaunch, what: keyof Tally, at: number, now: number): void {
    const minute = Math.floor(at / minuteMs);
    let tally = this.#tallies.get(minute);
    if (!tally) {
      tally = new Map();
      this.#tallies.set(minute, tally);
      const oldest = Math.floor(now / minuteMs) - minutes;
      for (const each of this.#tallies.keys()) if (each < oldest) this.#tallies.delete(each);
    }
    const ofProject = tally.get(projectId) ?? { begun: 0, running: 0, failed: 0 };
    ofProject[what] += 1;
    tally.set(projectId, ofProject);
  }

  #minutes(projectId: string | undefined, now: number): LaunchFigures['minutes'] {
    const last = Math.floor(now / minuteMs);
    return Array.from({ length: minutes }, (_, index) => {
      const minute = last - minutes + 1 + index;
      const tallies = this.#tallies.get(minute) ?? new Map<string, Tally>();
      const wanted = [...tallies].flatMap(([id, tally]) =>
        projectId === undefined || id === projectId ? [tally] : [],
      );
      const sum = (what: keyof Tally) => wanted.reduce((total, tally) => total + tally[what], 0);
      return { at: timestamp(minute * minuteMs), begun: sum('begun'), running: sum('running'), failed: sum('failed') };
    });
  }
}

/** The hosts that the scheduler has chosen for it, one after the other. */
function placements({ steps, host }: BookedLaunch): string[] {
  return steps.flatMap(({ state }, index) => {
    if (state !== 'scheduling') return [];
    const next = index + 1 < steps.length ? steps[index + 1]?.host : host;
    return next ?? [];
  });
}

const is =
  (outcome: (typeof launchOutcomes)[number]) =>
  (launch: BookedLaunch): boolean =>
    launch.outcome === outcome;

function totalOf(launches: readonly BookedLaunch[]) {
  if (launches.length === 0) return {};
  return { total: percentilesOf(launches.map(({ startedAt, endedAt = startedAt }) => endedAt - startedAt)) };
}

/** The nearest rank: the least that so many in a hundred did not exceed. Of one value at least. */
export function percentilesOf(values: readonly number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (percent: number) => Math.max(0, sorted[Math.ceil((percent / 100) * sorted.length) - 1] ?? 0);
  return { p50Ms: rank(50), p90Ms: rank(90), p99Ms: rank(99) };
}

/** Each with how often it is there; the most frequent first. */
function counted(values: readonly string[]): [string, number][] {
  const groups = [...Map.groupBy(values, (value) => value)];
  return groups.map(([value, all]): [string, number] => [value, all.length]).toSorted(([, a], [, b]) => b - a);
}

function viewLaunch({
  uuid,
  projectId,
  name,
  startedAt,
  endedAt,
  outcome,
  attempts,
  host,
  failure,
  steps,
}: BookedLaunch): Launch {
  return {
    uuid,
    projectId,
    name,
    startedAt: timestamp(startedAt),
    ...(outcome && { outcome }),
    ...(endedAt !== undefined && { tookMs: Math.max(0, endedAt - startedAt) }),
    attempts,
    ...(host !== undefined && { host }),
    ...(failure && { failure: { code: failure.code, message: failure.message } }),
    steps: steps.map((step) => ({
      state: step.state,
      attempt: step.attempt,
      ...(step.host !== undefined && { host: step.host }),
      offsetMs: Math.max(0, step.at - startedAt),
      ...(step.tookMs !== undefined && { tookMs: step.tookMs }),
    })),
  };
}
