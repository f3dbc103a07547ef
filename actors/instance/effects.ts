/** Provides the effects of the instance chart. The chart says when; `effect-runner.ts` says how. */
import type { ActorLogic, EventObject, Snapshot } from 'xstate';
import type { EffectKey, Timed, TimedFailure } from '../../machines/effect.ts';
import { fail } from '../../machines/failure.ts';
import { instanceMachine } from '../../machines/instance.ts';
import type { InstanceLogic } from './chart-snapshot.ts';
import { type EffectImplementation, runnerOf } from './effect-runner.ts';

export type EffectName = keyof typeof instanceMachine.implementations.actors & string;

/** The machine with these effects. The ones that are not given are left to whoever owns such states. */
export function provideEffects(implementations: Partial<Record<EffectName, EffectImplementation>>): InstanceLogic {
  const names = Object.keys(instanceMachine.implementations.actors) as EffectName[];
  const actors = Object.fromEntries(
    names.map((name) => [name, effectLogic(name, implementations[name] ?? notOurs(name))]),
  );
  return instanceMachine.provide({ actors: actors as never });
}

type EffectEvent =
  | { type: 'effect.done'; output: object & Timed }
  | { type: 'effect.failed'; error: TimedFailure }
  | { type: 'xstate.stop' };

type EffectSnapshot = Snapshot<object & Timed> & { input: EffectKey | undefined };

/** As XState's `fromPromise`, whose persisted snapshot it shares, but that the runner knows how an effect is left. */
function effectLogic(
  name: EffectName,
  implementation: EffectImplementation,
): ActorLogic<EffectSnapshot, EffectEvent & EventObject, EffectKey> {
  return {
    getInitialSnapshot: (_, input) => ({ status: 'active', output: undefined, error: undefined, input }),
    getPersistedSnapshot: (snapshot) => snapshot,
    restoreSnapshot: (snapshot) => snapshot as EffectSnapshot,
    start({ status, input }, { self, system }) {
      if (status !== 'active' || !input) return;
      runnerOf(system).begin(self, name, implementation, input, {
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

function notOurs(name: string): EffectImplementation {
  return {
    // Whoever goes on finds it stored.
    isDurable: true,
    async run({ owner }) {
      if (!owner.letGo()) throw fail('unsupported', `${name} is not done by this part`);
    },
  };
}
