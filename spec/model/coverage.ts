/** What paths have covered of a chart: its states, its transitions, and among these the ways out of failures. */
import type { AnyStateMachine, AnyTransitionDefinition, StateValue } from 'xstate';
import { definedTransitions, leavesOf, nameTransition } from '../charts/support.ts';

export interface Missing {
  states: string[];
  transitions: string[];
  failures: string[];
}

export class Coverage {
  readonly states = new Set<string>();
  readonly transitions = new Set<string>();
  /** The states, told apart as the specification does, in which every event was tried. */
  readonly tried = new Set<string>();
  readonly #machine: AnyStateMachine;

  constructor(machine: AnyStateMachine) {
    this.#machine = machine;
  }

  get numberOfStates(): number {
    return leavesOf(this.#machine).length;
  }

  get numberOfTransitions(): number {
    return new Set(definedTransitions(this.#machine).map(nameTransition)).size;
  }

  /** All the states that a chart is in at a time. */
  visit(value: StateValue): void {
    for (const path of activeLeaves(value)) this.states.add(path);
  }

  take(transitions: Iterable<AnyTransitionDefinition>): void {
    for (const transition of transitions) this.transitions.add(nameTransition(transition));
  }

  add({ states, transitions }: Pick<Coverage, 'states' | 'transitions'>): void {
    for (const each of states) this.states.add(each);
    for (const each of transitions) this.transitions.add(each);
  }

  get missing(): Missing {
    const untaken = definedTransitions(this.#machine).filter((each) => !this.transitions.has(nameTransition(each)));
    const isFailure = ({ eventType }: AnyTransitionDefinition) => /^xstate\.error\.|\.failed$/.test(eventType);
    return {
      states: leavesOf(this.#machine).filter((path) => !this.states.has(path)),
      transitions: untaken.map(nameTransition),
      failures: untaken.filter(isFailure).map(nameTransition),
    };
  }
}

function activeLeaves(value: StateValue): string[] {
  if (typeof value === 'string') return [value];
  return Object.entries(value).flatMap(([parent, child]) =>
    child === undefined ? [parent] : activeLeaves(child).map((leaf) => `${parent}.${leaf}`),
  );
}
