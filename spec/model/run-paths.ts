/** Runs many paths, some at a time, and tells of the first that fails in as few events as it can be made of. */
import { PathFailed } from './on-chart.ts';
import type { Path } from './paths.ts';
import { replayCommand, type ShrinkOptions, shrinkPath } from './shrink.ts';
import type { Specification } from './specification.ts';

export interface RunOptions<Context> extends ShrinkOptions<Context> {
  /** How many paths run at a time. */
  width?: number;
}

/** Rejects with PathFailed, whose message says how to run the path again. */
export async function runPaths<Context>(
  specification: Specification<Context>,
  paths: readonly Path[],
  run: (path: Path) => Promise<void>,
  { width = 1, ...shrinking }: RunOptions<Context> = {},
): Promise<void> {
  const left = [...paths];
  let failure: PathFailed | undefined;
  async function work(): Promise<void> {
    for (let path = left.shift(); path && !failure; path = left.shift()) {
      const failed = await failureOf(run, path);
      // Another may have failed in the meantime.
      failure ??= failed;
    }
  }
  await Promise.all(Array.from({ length: width }, work));
  if (!failure) return;

  const shortest = await shrinkPath(
    specification,
    failure.path,
    async (path) => (await failureOf(run, path)) !== undefined,
    shrinking,
  );
  const again = (await failureOf(run, shortest)) ?? failure;
  throw new PathFailed(
    again.path,
    `the ${specification.name} is not as specified ${again.message}\n${replayCommand(again.path)}`,
  );
}

async function failureOf(run: (path: Path) => Promise<void>, path: Path): Promise<PathFailed | undefined> {
  try {
    await run(path);
    return undefined;
  } catch (error) {
    return error instanceof PathFailed ? error : new PathFailed(path, String(error));
  }
}
