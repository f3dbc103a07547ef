/**
 * Provides the effects of the instance chart. The chart says when; here is how an effect is run for whoever owns the
 * instance: one after the other, durable first, within its deadline, again while it may help.
 */
import { type ActorLogicFrom, fromPromise } from 'xstate';
import type { EffectKey, TimedFailure } from '../../machines/effect.ts';
import { instanceMachine } from '../../machines/instance.ts';
import type { InstanceOwner } from './owner.ts';

/** What an effect is given besides its key. */
export interface EffectJob {
  key: EffectKey;
  owner: InstanceOwner;
  /** Aborts at the deadline, and when the chart has left the state. */
  signal: AbortSignal;
}

export interface EffectImplementation {
  /** What it resolves with, if an object, is the effect's output. */
  run(job: EffectJob): Promise<unknown>;
  /**
   * Whether the transition that led here must be stored before the effect begins. Only for effects that leave no trace
   * outside the process, or that repeat what a stored state begins with anyway, may this be false.
   */
  isDurable: boolean;
}

/** The owner of each actor system, so that one provided machine serves all instances of a process. */
const owners = new WeakMap<object, InstanceOwner>();

export function registerOwner(system: object, owner: InstanceOwner): void {
  owners.set(system, owner);
}

type EffectName = keyof typeof instanceMachine.implementations.actors & string;

/** The machine with these effects. The ones that are not given reject: this process does not own such states. */
export function provideEffects(implementations: Partial<Record<string, EffectImplementation>>) {
  const names = Object.keys(instanceMachine.implementations.actors) as EffectName[];
  const actors = Object.fromEntries(
    names.map((name) => [
      name,
      fromPromise<object, EffectKey>(async ({ input, system, signal }) => {
        const owner = owners.get(system);
        if (!owner) throw new Error(`the effect ${name} runs without an owner`);
        const implementation = implementations[name];
        if (!implementation) {
          const failure: TimedFailure = {
            code: 'unsupported',
            message: `${name} is not done by this part`,
            disposition: 'abort',
            at: owner.now(),
          };
          throw failure;
        }
        return owner.perform(name, implementation, input, signal);
      }),
    ]),
  );
  return instanceMachine.provide({ actors: actors as never });
}

export type ProvidedMachine = ActorLogicFrom<typeof instanceMachine>;
