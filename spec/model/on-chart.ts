/**
 * Runs paths on a chart in process: its effects answer as the path says, and between any two events it is written down as
 * JSON and read again. After each event it has to be where the specification is, to accept what that allows, and to
 * refuse everything else.
 */
import { isDeepStrictEqual } from 'node:util';
import type { AnyStateMachine } from 'xstate';
import { restage, type Sent, Stage } from '../charts/support.ts';
import type { Coverage } from './coverage.ts';
import type { Path } from './paths.ts';
import type { Specification, Specified } from './specification.ts';

/** What an event of the specification is to the chart: something it hears, or how the effect under way ends. */
export type Meaning = { heard: Sent } | { effect: string; play: (stage: Stage) => void };

export interface Chart<Context> {
  readonly specification: Specification<Context>;
  readonly machine: AnyStateMachine;
  readonly input: object;
  /** The longest time that an effect may be given (ms). */
  readonly longestMs: number;
  meaningOf(event: string, stage: Stage): Meaning;
  /** What is to be seen, by the specification and of the chart: they have to be equal. */
  expected(specified: Specified<Context>): object;
  observed(stage: Stage, before: object): object;
}

export class PathFailed extends Error {
  override readonly name = 'PathFailed';
  /** As far as it came. */
  readonly path: Path;

  constructor(path: Path, reason: string) {
    super(`after ${JSON.stringify(path.at(-1) ?? 'nothing')}: ${reason}`);
    this.path = path;
  }
}

export function runOnChart<Context>(
  chart: Chart<Context>,
  path: Path,
  coverage: Coverage,
  { isPersisted = true } = {},
): void {
  const { specification, machine, input } = chart;
  let stage = new Stage(machine, { input });
  let specified = specification.initial;
  let seen = checkStanding(chart, stage, specified, [], {}, coverage);
  coverage.visit(stage.value);
  for (const [index, event] of path.entries()) {
    const soFar = path.slice(0, index + 1);
    const next = specification.next(specified, event);
    if (!next) throw new PathFailed(soFar, `the specification knows no ${event} in ${specified.state}`);
    if (isPersisted) stage = restage(machine, { persisted: stage.persist(), now: stage.now });
    const meaning = chart.meaningOf(event, stage);
    if ('heard' in meaning) stage.send(meaning.heard);
    else if (stage.underWay?.effect === meaning.effect) meaning.play(stage);
    else throw new PathFailed(soFar, `${meaning.effect} is not under way, but ${stage.underWay?.effect ?? 'nothing'}`);
    specified = next;
    seen = checkStanding(chart, stage, specified, soFar, seen, coverage);
    coverage.visit(stage.value);
    coverage.take(stage.taken.splice(0));
  }
}

/** Returns what is seen. */
function checkStanding<Context>(
  chart: Chart<Context>,
  stage: Stage,
  specified: Specified<Context>,
  path: Path,
  before: object,
  coverage: Coverage,
): object {
  const { specification, expected, observed, longestMs } = chart;
  const seen = observed(stage, before);
  const wanted = expected(specified);
  if (!isDeepStrictEqual(seen, wanted)) {
    throw new PathFailed(path, `the chart shows ${JSON.stringify(seen)}, not ${JSON.stringify(wanted)}`);
  }
  const identity = JSON.stringify(specification.identify(specified));
  if (!coverage.tried.has(identity)) checkEvents(chart, stage, specified, path);
  coverage.tried.add(identity);
  const { underWay } = stage;
  if (underWay) {
    const deadline = stage.invoked.findLast(({ effect }) => effect === underWay.effect)?.key.deadline;
    if (deadline === undefined || deadline > stage.now + longestMs || deadline < stage.now) {
      throw new PathFailed(path, `${underWay.effect} has the deadline ${deadline} at ${stage.now}`);
    }
  }
  return seen;
}

/** Every event that there is is possible where the specification allows it, and nowhere else. */
function checkEvents<Context>(
  { specification, meaningOf }: Chart<Context>,
  stage: Stage,
  specified: Specified<Context>,
  path: Path,
): void {
  const { underWay } = stage;
  const refused = (verdict: string) => new PathFailed(path, `the chart ${verdict} in ${specified.state}`);
  const awaited = new Set<string>();
  for (const event of specification.events) {
    const meaning = meaningOf(event, stage);
    const isAllowed = specification.next(specified, event) !== undefined;
    if ('effect' in meaning) {
      if (isAllowed) awaited.add(meaning.effect);
      continue;
    }
    const isPossible = stage.status !== 'done' && stage.accepts(meaning.heard);
    if (isPossible && !isAllowed) throw refused(`accepts what the specification forbids, ${event},`);
    if (isAllowed && !isPossible) throw refused(`refuses what the specification allows, ${event},`);
  }
  if ([...awaited].join() !== (underWay?.effect ?? '')) {
    throw refused(`waits for ${underWay?.effect ?? 'nothing'}, not for ${[...awaited].join() || 'nothing'},`);
  }
}
