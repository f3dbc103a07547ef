/**
 * Charts on a stage: a real actor whose effects do nothing but be noted, and settle when the test says so, at once and in
 * one thread; and an explorer that takes every event in every state that can be reached.
 */
import {
  type Actor,
  type AnyStateMachine,
  type AnyStateNode,
  type AnyTransitionDefinition,
  createActor,
  fromPromise,
  type StateValue,
} from 'xstate';
import type { EffectKey } from '../../machines/effect.ts';
import type { Disposition, Failure } from '../../machines/failure.ts';

export interface Invocation {
  effect: string;
  key: EffectKey;
}

export type Sent = { type: string } & Record<string, unknown>;

export function failure(disposition: Disposition = 'abort', more: Partial<Failure> = {}): Failure {
  return { code: 'hypervisor_error', message: 'it did not work', disposition, details: { libvirtCode: 38 }, ...more };
}

/** One chart, live. Its clock goes on by a second at everything that happens to it. */
export class Stage {
  readonly invoked: Invocation[] = [];
  readonly emitted: string[] = [];
  /** The transitions taken, in order. */
  readonly taken: AnyTransitionDefinition[] = [];
  now: number;
  readonly #actor: Actor<AnyStateMachine>;

  /** From the beginning, or from what `persist` gave. */
  constructor(machine: AnyStateMachine, from: { input: object } | { persisted: string }, now = 1_000_000) {
    this.now = now;
    this.#actor = createActor(stageMachine(machine), {
      ...('input' in from ? { input: { ...from.input, at: now } } : { snapshot: JSON.parse(from.persisted) }),
      inspect: (inspected) => {
        if (inspected.type === '@xstate.microstep') this.taken.push(...inspected._transitions);
      },
    });
    stages.set(this.#actor.system, this);
    this.#actor.on('*', ({ type }: { type: string }) => this.emitted.push(type));
    this.#actor.start();
  }

  get value(): StateValue {
    return this.#actor.getSnapshot().value as StateValue;
  }
  get status(): string {
    return this.#actor.getSnapshot().status;
  }
  get context() {
    return this.#actor.getSnapshot().context;
  }
  get tags(): ReadonlySet<string> {
    return this.#actor.getSnapshot().tags;
  }
  /** The effect that the chart waits for, with the id that its answer comes under. */
  get underWay(): { id: string; effect: string } | undefined {
    for (const [id, child] of Object.entries(this.#actor.getSnapshot().children)) {
      const { src } = child as { src: unknown };
      return { id, effect: String(src) };
    }
    return undefined;
  }

  accepts(event: Sent): boolean {
    return this.#actor.getSnapshot().can({ ...event, at: this.now });
  }

  send(event: Sent): this {
    this.now += 1000;
    this.#actor.send({ ...event, at: this.now });
    return this;
  }

  /** The effect under way succeeds. */
  done(output: object = {}): this {
    const { id } = this.#waitedFor();
    this.now += 1000;
    this.#actor.send({ type: `xstate.done.actor.${id}`, actorId: id, output: { ...output, at: this.now } });
    return this;
  }

  /** The effect under way fails. */
  fail(reason: Failure = failure()): this {
    const { id } = this.#waitedFor();
    this.now += 1000;
    this.#actor.send({ type: `xstate.error.actor.${id}`, actorId: id, error: { ...reason, at: this.now } });
    return this;
  }

  persist(): string {
    return JSON.stringify(this.#actor.getPersistedSnapshot());
  }

  #waitedFor() {
    const { underWay } = this;
    if (!underWay) throw new Error(`nothing is under way in ${JSON.stringify(this.value)}`);
    return underWay;
  }
}

/** The stage of each actor system, so that a machine is provided with its effects once: that is what costs. */
const stages = new WeakMap<object, Stage>();
const staged = new WeakMap<AnyStateMachine, AnyStateMachine>();

function stageMachine(machine: AnyStateMachine): AnyStateMachine {
  let ready = staged.get(machine);
  if (!ready) {
    const names = Object.keys(machine.implementations.actors);
    ready = machine.provide({ actors: Object.fromEntries(names.map((name) => [name, notedEffect(name)])) });
    staged.set(machine, ready);
  }
  return ready;
}

function notedEffect(effect: string) {
  return fromPromise<object, EffectKey>(({ input, system }) => {
    stages.get(system)?.invoked.push({ effect, key: input });
    return new Promise(() => undefined);
  });
}

/** One thing that may happen to a chart. */
export interface Move {
  /** Such as `instance.stop`, `stopDomain done` or `stopDomain fails`. */
  label: string;
  play(stage: Stage): void;
}

/** A state with a context, as it was reached. */
export interface Node<World> {
  value: StateValue;
  persisted: string;
  now: number;
  /** The effect that ran when it was reached. */
  invocation: Invocation | undefined;
  world: World;
}

export interface Edge<World> {
  from: Node<World>;
  to: Node<World>;
  label: string;
  transition: AnyTransitionDefinition;
}

export interface Exploration<World> {
  nodes: Node<World>[];
  edges: Edge<World>[];
}

export interface Territory<World> {
  machine: AnyStateMachine;
  input: object;
  moves(stage: Stage, world: World): Move[];
  /** Two nodes with the same identity are one. */
  identify(stage: Stage, world: World): string;
  /** What the effects did to the world. */
  world: World;
  affect(world: World, label: string, from: StateValue, to: StateValue): World;
}

/** Takes every move in every node, each on a chart that has just been restored from JSON. */
export function explore<World>({
  machine,
  input,
  moves,
  identify,
  world,
  affect,
}: Territory<World>): Exploration<World> {
  const known = new Map<string, Node<World>>();
  const edges: Edge<World>[] = [];

  function meet(stage: Stage, reached: World): Node<World> {
    const identity = identify(stage, reached);
    let node = known.get(identity);
    if (!node) {
      const { value, now, underWay } = stage;
      const invocation = underWay && stage.invoked.findLast(({ effect }) => effect === underWay.effect);
      node = { value, persisted: stage.persist(), now, invocation, world: reached };
      known.set(identity, node);
    }
    return node;
  }

  meet(new Stage(machine, { input }), world);
  // What is met on the way is appended, and visited in its turn.
  for (const from of known.values()) {
    for (const { label, play } of moves(restage(machine, from), from.world)) {
      const stage = restage(machine, from);
      const before = stage.taken.length;
      play(stage);
      const [transition] = stage.taken.slice(before);
      if (transition)
        edges.push({ from, to: meet(stage, affect(from.world, label, from.value, stage.value)), label, transition });
    }
  }
  return { nodes: [...known.values()], edges };
}

export function restage(machine: AnyStateMachine, { persisted, now }: { persisted: string; now: number }): Stage {
  return new Stage(machine, { persisted }, now);
}

/** The state and all that are within it. */
export function statesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(statesOf)];
}

/** Every transition that the chart defines. */
export function definedTransitions({ root }: AnyStateMachine): AnyTransitionDefinition[] {
  return statesOf(root).flatMap((node) => [...node.transitions.values()].flat());
}

/** Such as `running: instance.reboot if isSoft`. */
export function nameTransition({ source, eventType, guard }: AnyTransitionDefinition): string {
  const path = source.path.join('.') || '(root)';
  return `${path}: ${eventType}${guard === undefined ? '' : ` if ${nameGuard(guard)}`}`;
}

/** One line for each different consequence: `  <what happens> [if <guard>] → <state>`, under the state's name. */
export function tabulate<World>(
  { edges }: Exploration<World>,
  pathOf: (value: StateValue, transition: AnyTransitionDefinition) => string,
): string {
  const rows = new Map<string, Set<string>>();
  for (const { from, to, label, transition } of edges) {
    const state = pathOf(from.value, transition);
    const condition = transition.guard === undefined ? '' : ` if ${nameGuard(transition.guard)}`;
    const lines = rows.get(state) ?? new Set();
    lines.add(`  ${label}${condition} → ${pathOf(to.value, transition)}`);
    rows.set(state, lines);
  }
  return Array.from(rows, ([state, lines]) => [state, ...lines].join('\n')).join('\n');
}

function nameGuard(guard: unknown): string {
  if (typeof guard === 'string') return guard;
  const { type, params = {} } = guard as { type: string; params?: Record<string, string> };
  return `${type}(${Object.values(params).join(', ')})`;
}

/** A table as data, in which order does not matter. */
export function readTable(text: string): Record<string, string[]> {
  const rows: Record<string, string[]> = {};
  let state = '';
  for (const line of text.split('\n').filter((each) => each.trim() !== '')) {
    if (!line.startsWith(' ')) state = line;
    else rows[state] = [...(rows[state] ?? []), line.trim()].sort();
  }
  return rows;
}

/** The paths of the states without states in them. */
export function leavesOf({ root }: AnyStateMachine): string[] {
  return statesOf(root)
    .filter(({ states }) => Object.keys(states).length === 0)
    .map(({ path }) => path.join('.'));
}
