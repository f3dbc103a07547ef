/**
 * What of a chart is drawn, and how, so that it can be read: nested boxes, lines between the boxes of one level, and
 * exits, which are transitions that a box names instead of a line that nobody could follow.
 *
 * A compound state is folded to its steps, or unfolded to boxes of its own. A line always ends at boxes of one level:
 * what leads out of an unfolded state is a line of that state and an exit of the state within it, so unfolding one
 * changes nothing around it.
 */
import type { Chart, ChartState, ChartTransition } from './chart.ts';
import { mergedWords, transitionWords } from './words.ts';

export interface Box {
  state: ChartState;
  isFolded: boolean;
  exits: Exit[];
  /** None where it is folded: then its steps are named. */
  boxes: Box[];
  lines: Line[];
}

/** What leads out of a box, and is named in it. */
export interface Exit {
  transitions: ChartTransition[];
  words: string;
  /** Absent where nothing is left. */
  target?: string;
  isFailure: boolean;
}

/** What leads from one box to another of the same level. */
export interface Line {
  from: string;
  to: string;
  transitions: ChartTransition[];
  words: string[];
  isFailure: boolean;
}

/** A level with as many lines can be read with all of them; of one with more, only those are drawn that tell the story. */
const legibleLines = 16;
/** To a state that more lead to, not all lines are drawn. */
const legibleEntries = 2;

/** Which states are unfolded: these, and whatever is in a parallel state, which is always. */
export function outlineOf(chart: Chart, unfolded: ReadonlySet<string> = new Set()): Box {
  return boxOf(
    { state: chart.root, own: chart.root.transitions, drawn: new Set(), isUnfolded: true },
    chart.id,
    unfolded,
  );
}

interface Placed {
  state: ChartState;
  /** Its transitions, without those that its parent shows for all of its states, with those that it shows for its own. */
  own: readonly ChartTransition[];
  /** Those that are lines. */
  drawn: ReadonlySet<ChartTransition>;
  isUnfolded: boolean;
}

function boxOf({ state, own, drawn, isUnfolded }: Placed, chartId: string, unfolded: ReadonlySet<string>): Box {
  if (!isUnfolded || state.states.length === 0) {
    const leaving = [...own, ...state.states.flatMap(transitionsWithin)].filter((each) => isExit(each, state));
    const exits = exitsOf(
      leaving.filter((each) => !drawn.has(each)),
      state,
      chartId,
    );
    return { state, isFolded: state.states.length > 0, exits, boxes: [], lines: [] };
  }
  const shared = sharedByAll(state, chartId);
  const ways = waysWithin(state);
  const chosen = ways.length <= legibleLines ? ways : storyOf(ways, state);
  const drawnWithin = new Set(chosen.flatMap(({ transitions }) => transitions));
  const boxes = state.states.map((child) => {
    const isChildUnfolded = state.kind === 'parallel' || unfolded.has(child.path);
    const own = child.transitions.filter((each) => !shared.has(each));
    return boxOf({ state: child, own, drawn: drawnWithin, isUnfolded: isChildUnfolded }, chartId, unfolded);
  });
  const leaving = [...own, ...onceEach([...shared], chartId)].filter((each) => !drawn.has(each));
  const exits = exitsOf(leaving, state, chartId);
  return { state, isFolded: false, exits, boxes, lines: linesOf(chosen, chartId) };
}

/** What leads from one child of a state to another. */
interface Way {
  from: ChartState;
  to: ChartState;
  isFailure: boolean;
  transitions: ChartTransition[];
}

function waysWithin(parent: ChartState): Way[] {
  const ways = parent.states.flatMap((from) =>
    transitionsWithin(from).flatMap((transition) => {
      const { target } = transition;
      const to = parent.states.find((child) => target !== undefined && isWithin(target, child));
      return to === undefined || to === from ? [] : [{ from, to, transition, isFailure: transition.kind === 'failed' }];
    }),
  );
  const alike = Map.groupBy(ways, ({ from, to, isFailure }) => `${from.path} ${to.path} ${isFailure}`);
  return [...alike.values()].flatMap((group) => {
    const [first] = group;
    return first ? [{ ...first, transitions: group.map(({ transition }) => transition) }] : [];
  });
}

/**
 * Of many ways, drawn are: the only one on which a state goes by itself, those to the end, those onwards to where few
 * lead, the best one to each state, and one of each state that would stand alone otherwise.
 */
function storyOf(ways: readonly Way[], parent: ChartState): Way[] {
  const cost = costIn(parent);
  const best = (alike: readonly Way[]) => alike.toSorted((one, other) => cost(one) - cost(other))[0];
  const chosen = ways.filter((way) => {
    const entries = ways.filter(({ to }) => to === way.to);
    const goingOn = ways.filter(({ from, transitions }) => from === way.from && transitions.some(isDone));
    if (way === best(entries)) return true;
    if (way.transitions.some(isDone)) return goingOn.length === 1 || way.to.kind === 'final';
    const sources = new Set(entries.map(({ from }) => from));
    return !way.isFailure && isOnwards(way, parent) && sources.size <= legibleEntries;
  });
  const standing = new Set(chosen.flatMap(({ from, to }) => [from, to]));
  const alone = parent.states.filter((state) => !standing.has(state));
  return [...chosen, ...alone.flatMap((state) => best(ways.filter(({ from }) => from === state)) ?? [])];
}

/** Best is what leads onwards, rather by itself than when asked, rather always than on a condition, and not far. */
function costIn(parent: ChartState): (way: Way) => number {
  const { length } = parent.states;
  return (way) => {
    const distance = Math.abs(parent.states.indexOf(way.to) - parent.states.indexOf(way.from));
    const isSure = way.transitions.some(({ guard }) => guard === undefined);
    const worse = [!isOnwards(way, parent), way.isFailure, !way.transitions.some(isDone), !isSure];
    return worse.reduce((sum, isWorse) => 2 * sum + Number(isWorse), 0) * length + distance;
  };
}

/** In the order in which the machine tells of its states. */
function isOnwards({ from, to }: Way, { states }: ChartState): boolean {
  return states.indexOf(from) < states.indexOf(to);
}

/** Those between the same two boxes are one line. */
function linesOf(ways: readonly Way[], chartId: string): Line[] {
  const between = Map.groupBy(ways, ({ from, to }) => `${from.path} ${to.path}`);
  return [...between.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const transitions = group.flatMap((each) => each.transitions);
    const isFailure = group.every((each) => each.isFailure);
    return [
      { from: first.from.path, to: first.to.path, transitions, words: mergedWords(transitions, chartId), isFailure },
    ];
  });
}

/** Those to the same place are one. */
function exitsOf(transitions: readonly ChartTransition[], { path }: ChartState, chartId: string): Exit[] {
  const alike = Map.groupBy(transitions, ({ kind, target }) => `${kind === 'failed'} ${beside(path, target)}`);
  return [...alike.values()].map((group) => {
    const target = commonPath(group.flatMap((each) => each.target ?? []));
    return {
      transitions: group,
      words: mergedWords(group, chartId).join(', '),
      ...(target !== undefined && { target }),
      isFailure: group.every(({ kind }) => kind === 'failed'),
    };
  });
}

/** What every child of a compound state does alike is shown once, at their parent. */
function sharedByAll(parent: ChartState, chartId: string): Set<ChartTransition> {
  const { kind, states } = parent;
  if (kind !== 'compound' || states.length < 2) return new Set();
  const leaving = states.flatMap(({ transitions }) => transitions).filter((each) => isExit(each, parent));
  const alike = Map.groupBy(leaving, (each) => sameness(each, chartId));
  return new Set([...alike.values()].filter(({ length }) => length === states.length).flat());
}

function onceEach(transitions: readonly ChartTransition[], chartId: string): ChartTransition[] {
  return [...new Map(transitions.map((each) => [sameness(each, chartId), each])).values()];
}

function sameness(transition: ChartTransition, chartId: string): string {
  return `${transitionWords(transition, chartId)} → ${transition.target}`;
}

/** Whether it leads out of the state, or back to where it came from. */
function isExit({ source, target }: ChartTransition, state: ChartState): boolean {
  return target === undefined || !isWithin(target, state) || (source === state.path && target === state.path);
}

function isDone({ kind }: ChartTransition): boolean {
  return kind === 'done' || kind === 'always' || kind === 'after';
}

function isWithin(path: string, { path: container }: ChartState): boolean {
  return path === container || path.startsWith(`${container}.`);
}

function transitionsWithin(state: ChartState): ChartTransition[] {
  return [...state.transitions, ...state.states.flatMap(transitionsWithin)];
}

/** The state next to the box, or to one that it is in, where a transition leads: `failed`, for `failed.scheduling`. */
function beside(box: string, target: string | undefined): string | undefined {
  const names = box.split('.');
  const next = target?.split('.');
  const differs = next?.findIndex((name, index) => name !== names[index]) ?? -1;
  return differs === -1 ? target : next?.slice(0, differs + 1).join('.');
}

/** `failed` of `failed.scheduling` and `failed.spawning`. */
function commonPath(paths: readonly string[]): string | undefined {
  const [first, ...others] = paths.map((path) => path.split('.'));
  if (first === undefined) return undefined;
  const differs = first.findIndex((name, index) => others.some((other) => other[index] !== name));
  return (differs === -1 ? first : first.slice(0, differs)).join('.');
}
