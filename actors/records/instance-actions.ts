/** What was asked of an instance and what came of it, made of what was told of it. Nova's instance actions. */
import { isDeepStrictEqual } from 'node:util';
import type { Failure } from '../../machines/failure.ts';
import { isAtRest } from '../../machines/instance-states.ts';
import type { InstanceAction } from '../../transport/messages/api/instance.ts';
import type { InstanceFact } from '../../transport/messages/internal.ts';
import { timestamp } from './timestamp.ts';

/** The action of what nobody asked for: the guest powered itself off, its domain is gone. */
export const observed = 'observed';

/** Commands that are done when they are accepted: they do not touch the instance's life. */
const immediate = new Set(['update', 'lock', 'unlock']);

/** `facts` oldest first; the actions newest first. */
export function actionsOf(facts: readonly InstanceFact[]): InstanceAction[] {
  const actions = new Actions();
  for (const fact of facts) {
    if (fact.type === 'command') actions.command(fact);
    else if (fact.type === 'transition') actions.transition(fact);
  }
  return actions.all.toReversed();
}

class Actions {
  readonly all: InstanceAction[] = [];
  /** What is in progress, oldest first. */
  #open: InstanceAction[] = [];
  #failure: InstanceFact['failure'];
  /** Whether the failure came in the course of what is in progress, and not before. */
  #hasFailed = false;

  command(fact: InstanceFact): void {
    const action = this.#begin(fact, fact.command ?? observed);
    if (immediate.has(action.action)) this.#finish([action], fact, 'success');
    // The state that it is born in has no transition of its own.
    if (action.action === 'create') enter(action, fact);
  }

  transition(fact: InstanceFact): void {
    const action = this.#actionOf(fact);
    for (const { events } of this.#open) leave(events.at(-1), fact);
    // What is told of one request has ended what went on for another; the same wish, said twice, ends as one.
    this.#finish(
      this.#open.filter((other) => other.action !== action.action),
      fact,
      'error',
    );
    const isNewFailure = fact.failure !== undefined && !isDeepStrictEqual(fact.failure, this.#failure);
    this.#hasFailed = fact.failure !== undefined && (this.#hasFailed || isNewFailure);
    this.#failure = fact.failure;
    enter(action, fact, isNewFailure);
    if (isAtRest(fact.to)) {
      this.#finish(this.#open, fact, this.#resultIn(fact.to));
      this.#hasFailed = false;
    }
  }

  #begin({ requestId, userId, at }: InstanceFact, name: string): InstanceAction {
    const action: InstanceAction = {
      action: name,
      requestId,
      ...(userId !== undefined && { userId }),
      startedAt: timestamp(at),
      result: 'in progress',
      events: [],
    };
    this.all.push(action);
    this.#open.push(action);
    return action;
  }

  /** Whoever takes up what was under way, after a crash, no longer knows whose request it was. */
  #actionOf(fact: InstanceFact): InstanceAction {
    const asked = this.#open.findLast(({ requestId }) => requestId === fact.requestId);
    return asked ?? this.#open.at(-1) ?? this.#begin(fact, observed);
  }

  #resultIn(state: string): InstanceAction['result'] {
    if (state === 'deleted') return 'success';
    return state.startsWith('failed.') || this.#hasFailed ? 'error' : 'success';
  }

  #finish(actions: InstanceAction[], { at }: InstanceFact, result: InstanceAction['result']): void {
    for (const action of actions) Object.assign(action, { result, finishedAt: timestamp(at) });
    this.#open = this.#open.filter(({ result }) => result === 'in progress');
  }
}

function enter({ events }: InstanceAction, { to, at, host, failure }: InstanceFact, isNewFailure = false): void {
  events.push({
    state: to,
    startedAt: timestamp(at),
    ...(host !== undefined && { host }),
    ...(isNewFailure && failure && { failure: failure as Failure }),
  });
}

function leave(event: InstanceAction['events'][number] | undefined, { at }: InstanceFact): void {
  if (event) event.finishedAt ??= timestamp(at);
}
