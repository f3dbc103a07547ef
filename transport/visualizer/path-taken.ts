/**
 * The path that a machine has taken through its chart, from what it told of itself: which states it was in and for how
 * long, which transitions it took, and which of its states it left because something failed.
 */
import { type Chart, type ChartState, type ChartTransition, statesWithin } from './chart.ts';

/** What was told at one time. */
export interface Moment {
  /** Epoch ms. */
  at: number;
  /** The innermost states that the machine was in from then on, dotted; of a parallel one, one for each of its parts. */
  states: readonly string[];
  /** Whether it came to these states then: also anew, to those that it was in. */
  isMove: boolean;
  /** What was asked of it: `stop`. */
  command?: string;
  /** What was wrong with it. */
  fault?: string;
}

export interface Visit {
  /** How long it was there, all in all; of a state that it is in, until it came there last. */
  ms: number;
  times: number;
}

export interface PathTaken {
  /** The innermost states that it is in. */
  now: ReadonlySet<string>;
  /** All states that it is in, or was, also those around the innermost. */
  visits: ReadonlyMap<string, Visit>;
  /** Ids of transitions. */
  taken: ReadonlySet<string>;
  /** Of the last move. */
  latest: ReadonlySet<string>;
  /** States in which something failed. */
  failed: ReadonlySet<string>;
}

/** `moments` are all until the one that is looked at. */
export function pathTaken(chart: Chart, moments: readonly Moment[]): PathTaken {
  const visits = new Map<string, Visit>();
  const since = new Map<string, number>();
  const taken = new Set<string>();
  const failed = new Set<string>();
  let latest = new Set<string>();
  let before: Moment | undefined;
  let command: string | undefined;
  const failures = failuresIn(moments);

  for (const moment of moments) {
    command = moment.command ?? command;
    if (!moment.isMove && before) continue;
    const left = before?.states ?? [];
    const isAnew = moment.isMove && isSame(left, moment.states);
    const outer = new Set(moment.states.flatMap(around));
    for (const state of left.flatMap(around)) {
      const isLeft = !outer.has(state) || (isAnew && left.includes(state));
      if (isLeft) settle(state, moment.at);
    }
    for (const state of outer) if (!since.has(state)) enter(state, moment.at);

    const isFailure = failures.has(moment);
    const moved = left.flatMap((from, part) => {
      const to = moment.states[part];
      return to === undefined || (from === to && !isAnew) ? [] : [{ from, to }];
    });
    latest = new Set(moved.flatMap((move) => transitionsOf(chart, move, { isFailure, command }).map(({ id }) => id)));
    for (const id of latest) taken.add(id);
    if (isFailure) for (const { from } of moved) failed.add(from);
    if (moved.length > 0) command = undefined;
    before = moment;
  }
  return { now: new Set(before?.states), visits, taken, latest, failed };

  function enter(state: string, at: number): void {
    since.set(state, at);
    const { ms = 0, times = 0 } = visits.get(state) ?? {};
    visits.set(state, { ms, times: times + 1 });
  }

  function settle(state: string, at: number): void {
    const visit = visits.get(state);
    if (visit) visits.set(state, { ...visit, ms: visit.ms + at - (since.get(state) ?? at) });
    since.delete(state);
  }
}

/** The moves with which a fault began: it is told with those that follow, too, until it is cleared. */
export function failuresIn<Told extends Moment>(moments: readonly Told[]): ReadonlySet<Told> {
  const moves = moments.filter(({ isMove }) => isMove);
  return new Set(moves.filter(({ fault }, index) => fault !== undefined && fault !== moves[index - 1]?.fault));
}

/** Those that may have led there: what is told does not always say which one of several it was. */
function transitionsOf(
  chart: Chart,
  { from, to }: { from: string; to: string },
  { isFailure, command }: { isFailure: boolean; command: string | undefined },
): ChartTransition[] {
  const states = new Map(statesWithin(chart.root).map((state) => [state.path, state]));
  const possible = ['', ...around(from)]
    .flatMap((path) => states.get(path)?.transitions ?? [])
    .filter(({ target }) => target !== undefined && entered(states, target) === to);
  const asked = possible.filter(({ event }) => command !== undefined && event === `${chart.id}.${command}`);
  if (asked.length > 0) return asked;
  const likely = possible.filter(({ kind }) => (kind === 'failed') === isFailure);
  return likely.length > 0 ? likely : possible;
}

/** The innermost state that is entered through one. */
function entered(states: ReadonlyMap<string, ChartState>, path: string): string {
  const initial = states.get(path)?.states.find(({ isInitial }) => isInitial);
  return initial ? entered(states, initial.path) : path;
}

/** A state and those that it is in, from the outermost. */
function around(path: string): string[] {
  const names = path.split('.');
  return names.map((_, index) => names.slice(0, index + 1).join('.'));
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((each, index) => each === others[index]);
}
