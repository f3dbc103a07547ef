/** Makes a failing path short: leaves out what is not needed for the failure, as long as the specification allows it. */
import type { Path } from './paths.ts';
import { type Specification, type Specified, statesAlong } from './specification.ts';

/** How many shorter paths are tried at most. */
const mostTries = 500;

export interface ShrinkOptions<Context> {
  /** How often a shorter path is run at most. */
  tries?: number;
  /** Whether the event can be brought about in the state. */
  isPlayable?: (specified: Specified<Context>, event: string) => boolean;
}

export async function shrinkPath<Context>(
  specification: Specification<Context>,
  path: Path,
  doesFail: (path: Path) => Promise<boolean>,
  { tries = mostTries, isPlayable = () => true }: ShrinkOptions<Context> = {},
): Promise<Path> {
  const isPlayed = (candidate: Path) => {
    const states = statesAlong(specification, candidate);
    return candidate.every((event, index) => {
      const specified = states[index];
      return specified !== undefined && isPlayable(specified, event);
    });
  };
  let shortest = path;
  let left = tries;
  for (let length = Math.ceil(path.length / 2); length >= 1; ) {
    let isShorter = false;
    for (let from = 0; from + length <= shortest.length && left > 0; from++) {
      const candidate = shortest.toSpliced(from, length);
      if (!isAllowed(specification, candidate) || !isPlayed(candidate)) continue;
      left -= 1;
      if (!(await doesFail(candidate))) continue;
      shortest = candidate;
      isShorter = true;
      break;
    }
    if (!isShorter) length = length === 1 ? 0 : Math.ceil(length / 2);
  }
  return shortest;
}

export function isAllowed<Context>(specification: Specification<Context>, path: Path): boolean {
  return statesAlong(specification, path).length === path.length + 1;
}

/** The command that runs one path again. */
export function replayCommand(path: Path): string {
  return `npm run model -- --replay '${JSON.stringify(path)}'`;
}
