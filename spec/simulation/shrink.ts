/** Finds a shorter script that breaks the same promise: what is left of it is what matters. */
import { type Outcome, runWorld } from './run-world.ts';
import type { Sabotage } from './sabotage.ts';
import type { Script } from './script.ts';

export interface Shrunk {
  script: Script;
  outcome: Outcome;
}

/** Takes away ever smaller parts of the script, as long as the promise stays broken, for at most `tries` worlds. */
export async function shrink(
  script: Script,
  outcome: Outcome,
  { sabotage = {}, tries = 300 }: { sabotage?: Sabotage; tries?: number } = {},
): Promise<Shrunk> {
  const invariant = outcome.violations[0]?.invariant;
  let shortest: Shrunk = { script, outcome };
  let left = tries;
  for (let size = Math.ceil(script.actions.length / 2); size >= 1 && left > 0; ) {
    let hasShrunk = false;
    for (let from = 0; from < shortest.script.actions.length && left > 0; left--) {
      const actions = shortest.script.actions.toSpliced(from, size);
      const shorter = { ...script, actions };
      const result = await runWorld(shorter, sabotage);
      if (result.violations.some((violation) => violation.invariant === invariant)) {
        shortest = { script: shorter, outcome: result };
        hasShrunk = true;
      } else from += size;
    }
    if (size === 1 && !hasShrunk) break;
    if (!hasShrunk || size > 1) size = Math.max(1, Math.floor(size / 2));
  }
  return shortest;
}
