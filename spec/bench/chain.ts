/** What is measured, whatever it is: a chain of processes that launches from end to end, for one client. */
import type { Child } from './child.ts';

export interface Chain {
  processes: Child[];
  /** Resolves when a new instance runs. */
  launch(): Promise<void>;
  /** Deletes what was launched. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

/** Calls `work` `count` times, `concurrency` at a time. */
export async function repeat(
  count: number,
  concurrency: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, lane));
}

/** As `repeat`: how long each took, and all of it together (ms). */
export async function time(
  count: number,
  concurrency: number,
  work: () => Promise<unknown>,
): Promise<{ times: number[]; elapsedMs: number }> {
  const times: number[] = [];
  const startedAt = performance.now();
  await repeat(count, concurrency, async () => {
    const began = performance.now();
    await work();
    times.push(performance.now() - began);
  });
  return { times, elapsedMs: performance.now() - startedAt };
}
