/** Runs the worlds of one share of the seeds, and reports those in which a promise was broken. */
import { parentPort, workerData } from 'node:worker_threads';
import { tellViolations } from '../checker/tell.ts';
import { runWorld } from './run-world.ts';
import { scriptOf } from './script.ts';
import { shrink } from './shrink.ts';
import { storyOf } from './story.ts';

/** Which seeds are a worker's: from the first on, every `step`th. */
export interface Share {
  from: number;
  until: number;
  step: number;
}

export type Report =
  | { type: 'began'; seed: number }
  | { type: 'world'; seed: number; launches: number; requests: number; simulatedMs: number }
  | { type: 'broken'; seed: number; violations: string }
  | { type: 'shrunk'; seed: number; story: string }
  | { type: 'crashed'; seed: number; error: string };

/** How many worlds may be broken before there is no use in more of them. */
const enough = 5;

if (parentPort) await runShare(workerData as Share, (report) => parentPort?.postMessage(report));

async function runShare({ from, until, step }: Share, report: (told: Report) => void): Promise<void> {
  let broken = 0;
  let seed = from;
  process.on('unhandledRejection', (error) =>
    report({ type: 'crashed', seed, error: String((error as Error)?.stack ?? error) }),
  );
  for (; seed < until && broken < enough; seed += step) {
    const script = scriptOf(seed);
    report({ type: 'began', seed });
    try {
      const outcome = await runWorld(script);
      const { launches, history, simulatedMs } = outcome;
      report({ type: 'world', seed, launches, requests: history.asked.length, simulatedMs });
      if (outcome.violations.length === 0) continue;
      report({ type: 'broken', seed, violations: tellViolations(outcome.violations).join('\n') });
      // Which takes a while.
      const shrunk = await shrink(script, outcome);
      report({ type: 'shrunk', seed, story: storyOf(shrunk.script, shrunk.outcome) });
    } catch (error) {
      report({ type: 'crashed', seed, error: String((error as Error)?.stack ?? error) });
    }
    broken += 1;
  }
}
