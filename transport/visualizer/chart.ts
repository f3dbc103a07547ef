/**
 * What a statechart is to whoever draws it, read from a machine; one whose configuration has come over a wire is made
 * again with `createMachine` first. Paths are dotted and begin beneath the root, as in facts: `spawning.creatingDisks`.
 */
import type { AnyStateMachine, AnyStateNode } from 'xstate';

export interface Chart {
  id: string;
  root: ChartState;
}

export interface ChartState {
  /** Empty of the root. */
  path: string;
  name: string;
  kind: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  description?: string;
  tags: string[];
  /** Whether its parent is entered through it. */
  isInitial: boolean;
  /** What it has done in the world while it is active. */
  invokes: string[];
  entry: string[];
  exit: string[];
  /** In the order in which the machine tells of them. */
  states: ChartState[];
  transitions: ChartTransition[];
}

export interface ChartTransition {
  /** Unique in the chart. */
  id: string;
  source: string;
  /** Absent where nothing is left: only its actions run. */
  target?: string;
  /**
   * What it waits for: an event; that what it invoked, or all that it consists of, is done, or has failed; nothing, which
   * is always; or that time has passed.
   */
  kind: 'event' | 'done' | 'failed' | 'always' | 'after';
  /** The whole type of the event. */
  event: string;
  /** What it invoked, of `done` and `failed`; how long, of `after`. */
  of?: string;
  guard?: string;
  /** Whether it is taken where the guards before it, of the same event, say no. */
  isOtherwise: boolean;
  isReentering: boolean;
  actions: string[];
}

/** As XState has them. */
type Defined = AnyStateNode['always'] extends (infer Transition)[] | undefined ? Transition : never;

/** How an action or a guard is named: by a string, by an object with a type, or not at all. */
interface Named {
  type?: string;
  name?: string;
  params?: unknown;
}

export function chartOf({ root }: AnyStateMachine): Chart {
  return { id: root.id, root: stateOf(root, true) };
}

/** The state and all that are in it, from the outermost. */
export function statesWithin(state: ChartState): ChartState[] {
  return [state, ...state.states.flatMap(statesWithin)];
}

function stateOf(node: AnyStateNode, isInitial: boolean): ChartState {
  const transitions: Defined[] = [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
  return {
    path: pathOf(node),
    name: node.key,
    kind: node.type,
    ...(node.description !== undefined && { description: node.description }),
    tags: node.tags,
    isInitial,
    invokes: node.invoke.map(({ src }) => nameOf(src)),
    entry: node.entry.map(inWords),
    exit: node.exit.map(inWords),
    states: Object.values(node.states).map((child) => stateOf(child, node.initial?.target?.includes(child) ?? false)),
    transitions: transitions.map((each, index) => transitionOf(each, index, transitions, node)),
  };
}

function transitionOf(
  { eventType, target: [target] = [], guard, actions, reenter }: Defined,
  index: number,
  all: readonly Defined[],
  node: AnyStateNode,
): ChartTransition {
  const isGuardedBefore = all.slice(0, index).some((each) => each.eventType === eventType && each.guard);
  const source = pathOf(node);
  return {
    id: `${source}/${index}`,
    source,
    ...(target && { target: pathOf(target) }),
    ...trigger(eventType, node),
    event: eventType,
    ...(guard !== undefined && { guard: inWords(guard) }),
    isOtherwise: guard === undefined && isGuardedBefore,
    isReentering: reenter,
    actions: actions.map(inWords),
  };
}

/** XState keeps in the event's type what a transition waits for. */
function trigger(eventType: string, { id, invoke }: AnyStateNode): Pick<ChartTransition, 'kind' | 'of'> {
  if (eventType === '') return { kind: 'always' };
  const [, what, of = ''] = /^xstate\.(after|done\.state|done\.actor|error\.actor)\.(.+)$/.exec(eventType) ?? [];
  if (what === undefined) return { kind: 'event' };
  if (what === 'done.state') return { kind: 'done' };
  if (what === 'after') return { kind: 'after', of: of.slice(0, -`.${id}`.length) };
  const invoked = invoke.find((each) => each.id === of)?.src;
  return { kind: what === 'done.actor' ? 'done' : 'failed', ...(invoked !== undefined && { of: nameOf(invoked) }) };
}

function pathOf({ path }: AnyStateNode): string {
  return path.join('.');
}

/** `{ type: 'isOtherThan', params: { powerState: 'running' } }` is `is other than running`. */
function inWords(named: unknown): string {
  const { params } = Object(named) as Named;
  const known = typeof params === 'object' && params !== null ? Object.values(params).map(String) : [];
  const words = nameOf(named).replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return [words, ...known].join(' ');
}

function nameOf(named: unknown): string {
  if (typeof named === 'string') return named;
  const { type, name } = Object(named) as Named;
  return (type ?? name ?? 'unnamed').replace(/^xstate\./, '');
}
