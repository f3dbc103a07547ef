/** Provides the effects of the instance chart. The chart says when; `effect-runner.ts` says how. */
import { fromPromise } from 'xstate';
import type { EffectKey } from '../../machines/effect.ts';
import { fail } from '../../machines/failure.ts';
import { instanceMachine } from '../../machines/instance.ts';
import type { InstanceLogic } from './chart-snapshot.ts';
import { type EffectImplementation, runnerOf } from './effect-runner.ts';

export type EffectName = keyof typeof instanceMachine.implementations.actors & string;

/** The machine with these effects. The ones that are not given fail: this process does not own such states. */
export function provideEffects(implementations: Partial<Record<EffectName, EffectImplementation>>): InstanceLogic {
  const names = Object.keys(instanceMachine.implementations.actors) as EffectName[];
  const actors = Object.fromEntries(
    names.map((name) => [
      name,
      fromPromise<object, EffectKey>(({ input, system, signal }) =>
        runnerOf(system).run(name, implementations[name] ?? notOurs(name), input, signal),
      ),
    ]),
  );
  return instanceMachine.provide({ actors: actors as never });
}

function notOurs(name: string): EffectImplementation {
  return {
    isDurable: false,
    async run() {
      throw fail('unsupported', `${name} is not done by this part`);
    },
  };
}
