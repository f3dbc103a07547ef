/**
 * Makes launches out of what is told of instances: how long each was in each state, what came of it. Times are those of
 * the processes that told it; where a step goes from one machine to another, it is as exact as their clocks.
 */
import type { Failure } from '../../machines/failure.ts';
import type { InstanceFact } from '../../transport/messages/internal.ts';
import type { launchOutcomes } from '../../transport/messages/statistics.ts';

export type LaunchOutcome = (typeof launchOutcomes)[number];

/** A state that a launch was in; without `tookMs` it still is. */
export interface LaunchStep {
  readonly state: string;
  readonly attempt: number;
  readonly host?: string | undefined;
  readonly at: number;
  tookMs?: number;
}

export interface BookedLaunch {
  readonly uuid: string;
  readonly projectId: string;
  readonly name: string;
  readonly startedAt: number;
  readonly steps: LaunchStep[];
  attempts: number;
  host?: string | undefined;
  outcome?: LaunchOutcome;
  endedAt?: number;
  failure?: Failure;
}

/** What a fact has told of a launch: that it began, a step that is over, that it has ended; the last two at once. */
export interface LaunchNews {
  launch: BookedLaunch;
  isNew: boolean;
  step?: Required<Pick<LaunchStep, 'tookMs'>> & LaunchStep;
  /** Where it went from that step. */
  to: string;
  failure?: Failure | undefined;
}

/** Of launches whose end was never told; the oldest are forgotten. */
const mostUnderWay = 10_000;
/** A launch that is rescheduled for ever does not fill the memory. */
const mostSteps = 500;

export class LaunchBook {
  readonly #underWay = new Map<string, BookedLaunch>();

  underWay(): Iterable<BookedLaunch> {
    return this.#underWay.values();
  }

  get(uuid: string): BookedLaunch | undefined {
    return this.#underWay.get(uuid);
  }

  /** Nothing, when it is not about a launch whose beginning is known, or told again or too late. */
  take(fact: InstanceFact): LaunchNews | undefined {
    if (fact.type === 'command' && fact.command === 'create') return this.#begin(fact);
    const launch = this.#underWay.get(fact.uuid);
    return launch && fact.type === 'transition' ? this.#goOn(launch, fact) : undefined;
  }

  #begin({ uuid, projectId, name, at, to, attempt }: InstanceFact): LaunchNews | undefined {
    if (this.#underWay.has(uuid)) return undefined;
    const launch = { uuid, projectId, name, startedAt: at, attempts: attempt, steps: [{ state: to, attempt, at }] };
    this.#underWay.set(uuid, launch);
    const [oldest = ''] = this.#underWay.size > mostUnderWay ? this.#underWay.keys() : [];
    this.#underWay.delete(oldest);
    return { launch, isNew: true, to };
  }

  #goOn(launch: BookedLaunch, { from, to, at, attempt, host, failure }: InstanceFact): LaunchNews | undefined {
    const step = launch.steps.at(-1);
    // What different processes tell may come in another order.
    if (!step || step.state === to || (step.state !== from && at <= step.at)) return undefined;
    const tookMs = Math.max(0, at - step.at);
    step.tookMs = tookMs;
    launch.attempts = Math.max(launch.attempts, attempt);
    launch.host = host;
    const news = { launch, isNew: false, step: { ...step, tookMs }, to, failure: failure as Failure | undefined };
    const outcome = outcomeOf(to);
    if (!outcome) {
      launch.steps.push({ state: to, attempt, host, at });
      if (launch.steps.length > mostSteps) launch.steps.shift();
      return news;
    }
    launch.outcome = outcome;
    launch.endedAt = at;
    if (failure && outcome === 'failed') launch.failure = failure as Failure;
    this.#underWay.delete(launch.uuid);
    return news;
  }
}

function outcomeOf(state: string): LaunchOutcome | undefined {
  if (state === 'running' || state === 'deleted') return state;
  return state.startsWith('failed.') ? 'failed' : undefined;
}
