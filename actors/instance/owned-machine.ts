/** The instance chart as its owners run it. The chart says when an effect begins; `effect-runner.ts` says how, and by what. */
import type { ActorLogic, EventObject, Snapshot } from 'xstate';
import type { EffectKey, Timed, TimedFailure } from '../../machines/effect.ts';
import { instanceMachine } from '../../machines/instance.ts';
import type { InstanceLogic } from './chart-snapshot.ts';
import { type EffectName, runnerOf } from './effect-runner.ts';

const names = Object.keys(instanceMachine.implementations.actors) as EffectName[];

/** One for all owners, whose runners know their effects: to provide a machine with others is to make all of it anew. */
export const ownedMachine: InstanceLogic = instanceMachine.provide({
  actors: Object.fromEntries(names.map((name) => [name, effectLogic(name)])) as never,
});

type EffectEvent =
  | { type: 'effect.done'; output: object & Timed }
  | { type: 'effect.failed'; error: TimedFailure }
  | { type: 'xstate.stop' };

type EffectSnapshot = Snapshot<object & Timed> & { input: EffectKey | undefined };

/** As XState's `fromPromise`, whose persisted snapshot it shares, but that the runner knows how an effect is left. */
function effectLogic(name: EffectName): ActorLogic<EffectSnapshot, EffectEvent & EventObject, EffectKey> {
  return {
    getInitialSnapshot: (_, input) => ({ status: 'active', output: undefined, error: undefined, input }),
    getPersistedSnapshot: (snapshot) => snapshot,
    restoreSnapshot: (snapshot) => snapshot as EffectSnapshot,
    start({ status, input }, { self, system }) {
      if (status !== 'active' || !input) return;
      runnerOf(system).begin(self, name, input, {
        done: (output) => self.send({ type: 'effect.done', output }),
        failed: (error) => self.send({ type: 'effect.failed', error }),
      });
    },
    transition(snapshot, event, { self, system }) {
      switch (event.type) {
        case 'effect.done':
          return { status: 'done', output: event.output, error: undefined, input: undefined };
        case 'effect.failed':
          return { status: 'error', output: undefined, error: event.error, input: undefined };
        case 'xstate.stop':
          runnerOf(system).leave(self);
          return { status: 'stopped', output: undefined, error: undefined, input: undefined };
        default:
          return snapshot;
      }
    },
  };
}
