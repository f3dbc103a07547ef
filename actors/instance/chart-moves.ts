/**
 * The chart moved as data, without running it. XState's own `transition` and `initialTransition` make an actor for every
 * move, which costs several times what the move does; here one that is never started stands in for all.
 */
import { type AnyActorScope, createActor } from 'xstate';
import type { InstanceEvent, InstanceInput, InstanceNotification } from '../../machines/instance.ts';
import type { InstanceLogic, InstanceSnapshot } from './chart-snapshot.ts';

export class ChartMoves {
  readonly #machine: InstanceLogic;
  readonly #scope: AnyActorScope;
  #emitted: InstanceNotification[] = [];

  constructor(machine: InstanceLogic) {
    this.#machine = machine;
    const self = createActor(machine, { input: { uuid: '', maxAttempts: 1, at: 0 } });
    const nothing = () => {};
    this.#scope = {
      self,
      system: self.system,
      id: self.id,
      sessionId: self.sessionId,
      logger: nothing,
      defer: nothing,
      stopChild: nothing,
      emit: nothing,
      actionExecutor: ({ type, params }) => {
        if (type === 'xstate.emit') this.#emitted.push((params as { event: InstanceNotification }).event);
      },
    };
  }

  /** Where a chart begins. */
  begin(input: InstanceInput): InstanceSnapshot {
    return this.#machine.getInitialSnapshot(this.#scope, input);
  }

  /** Where the event leads, and what the chart would tell of it. */
  move(snapshot: InstanceSnapshot, event: InstanceEvent): { next: InstanceSnapshot; emitted: InstanceNotification[] } {
    this.#emitted = [];
    const next = this.#machine.transition(snapshot, event, this.#scope);
    return { next, emitted: this.#emitted };
  }
}
