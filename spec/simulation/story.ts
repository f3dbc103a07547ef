/** Tells what happened in a world in which a promise was broken, as shortly as it can be told. */
import { tellLives, tellViolations } from '../checker/tell.ts';
import { describe } from './actions.ts';
import type { Outcome } from './run-world.ts';
import type { Script } from './script.ts';

export function storyOf({ plan, actions }: Script, { violations, history }: Outcome): string {
  const { seed: _, ...rest } = plan;
  return [
    ...tellViolations(violations),
    `  in a world of ${JSON.stringify(rest)}`,
    '  what was done:',
    ...actions.map((action) => `    ${describe(action)}`),
    ...tellLives(violations, history),
  ].join('\n');
}
