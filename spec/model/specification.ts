/**
 * How the specifications are written: a table of what may happen in each state and what follows from it, and the machine
 * that it makes, without effects. Events are sentences such as `createDisks fails`, so that a path is a list that can be
 * read. A state is named by its dotted path; one in which nothing may happen is final.
 */
import { type AnyStateMachine, assign, createMachine } from 'xstate';

/** Where an event leads, and what else changes; the first of several whose condition holds. */
export interface Consequence<Context> {
  target: string;
  when?: (context: Context) => boolean;
  change?: (context: Context) => Context;
}

export type Rules<Context> = Record<string, Record<string, Consequence<Context>[]>>;

export interface Specified<Context> {
  state: string;
  context: Context;
}

export interface Specification<Context> {
  readonly name: string;
  readonly machine: AnyStateMachine;
  readonly initial: Specified<Context>;
  readonly events: readonly string[];
  /** Whether the event may happen in the state, in some context. */
  isKnown(state: string, event: string): boolean;
  /** What follows; `undefined` when the event may not happen there. */
  next(from: Specified<Context>, event: string): Specified<Context> | undefined;
  /** Of two with the same identity, one is enough to go on from. */
  identify(specified: Specified<Context>): unknown;
}

export function specify<Context extends object>(
  name: string,
  initial: Specified<Context>,
  rules: Rules<Context>,
  identify: (specified: Specified<Context>) => unknown = (specified) => specified,
): Specification<Context> {
  const states = Object.fromEntries(
    Object.entries(rules).map(([path, happenings]) => [
      keyOf(path),
      Object.keys(happenings).length === 0
        ? { type: 'final' }
        : { on: Object.fromEntries(Object.entries(happenings).map(([type, all]) => [type, all.map(toTransition)])) },
    ]),
  );
  const machine = createMachine({
    id: name,
    initial: keyOf(initial.state),
    context: initial.context,
    states,
  } as never) as AnyStateMachine;

  return {
    name,
    machine,
    initial,
    identify,
    events: [...new Set(Object.values(rules).flatMap((happenings) => Object.keys(happenings)))],
    isKnown: (state, event) => rules[state]?.[event] !== undefined,
    next({ state, context }, event) {
      const consequence = rules[state]?.[event]?.find(({ when }) => when?.(context) ?? true);
      return consequence && { state: consequence.target, context: consequence.change?.(context) ?? context };
    },
  };
}

/** Where the specification stands before the path, and after each of its events, as far as it allows them. */
export function statesAlong<Context>(
  { initial, next }: Specification<Context>,
  path: readonly string[],
): Specified<Context>[] {
  const states = [initial];
  let specified: Specified<Context> | undefined = initial;
  for (const event of path) {
    specified = specified && next(specified, event);
    if (specified) states.push(specified);
  }
  return states;
}

/** A snapshot of the specification's machine, as it is spoken of here. */
export function readSpecified<Context>(snapshot: unknown): Specified<Context> {
  const { value, context } = snapshot as { value: string; context: Context };
  return { state: value.replaceAll('/', '.'), context };
}

function toTransition<Context extends object>({ target, when, change }: Consequence<Context>) {
  return {
    target: keyOf(target),
    ...(when && { guard: ({ context }: { context: Context }) => when(context) }),
    ...(change && { actions: assign(({ context }) => change(context as Context)) }),
  };
}

/** To XState a dot leads into a state. */
function keyOf(path: string): string {
  return path.replaceAll('.', '/');
}
