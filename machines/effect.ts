/**
 * How charts name the things that are done in the world. A chart invokes an effect by name; what it does is provided
 * by `actors/`. Each effect is idempotent, keyed by the uuid and the attempt, and settles by its deadline. The
 * deadline is part of its input, and so of the persisted snapshot: it holds across a restart, where a timer of
 * `after` would be lost. That is why these charts have no `after`.
 */
import { fromPromise } from 'xstate';
import type { Failure } from './failure.ts';

/** The whole input of every effect: what it is done for, and by when it must have settled (epoch ms). */
export interface EffectKey {
  uuid: string;
  attempt: number;
  deadline: number;
}

/** Every event, output and failure says when it happened (epoch ms), so that charts need no clock. */
export interface Timed {
  at: number;
}

export type TimedFailure = Failure & Timed;

/** Declares an effect in a chart's `setup`. */
export function effect<Output extends object = Timed>() {
  return fromPromise<Output & Timed, EffectKey>(({ self }) => {
    throw new Error(`effect ${self.id} is not provided`);
  });
}

/** When the thing that `event` tells of happened. */
export function timeOf(event: object): number {
  const carrier = event as { at?: unknown; input?: unknown; output?: unknown; error?: unknown };
  for (const timed of [carrier, carrier.output, carrier.error, carrier.input]) {
    const at = (timed as Partial<Timed> | undefined)?.at;
    if (typeof at === 'number') return at;
  }
  throw new Error(`event ${JSON.stringify(event)} does not say when it happened`);
}

/** The failure that an `onError` event or a fact about a failure carries. */
export function failureOf(event: object): Failure {
  const { error, failure } = event as { error?: TimedFailure; failure?: Failure };
  if (failure) return failure;
  if (!error) throw new Error(`event ${JSON.stringify(event)} carries no failure`);
  const { at: _, ...plain } = error;
  return plain;
}
