/** Makes a failing path short: leaves out what is not needed for the failure, as long as the specification allows it. */
import type { Path } from './paths.ts';
import type { Specification } from './specification.ts';

/** How many shorter paths are tried at most. */
const mostTries = 500;

export async function shrinkPath<Context>(
  specification: Specification<Context>,
  path: Path,
  doesFail: (path: Path) => Promise<boolean>,
  tries = mostTries,
): Promise<Path> {
  let shortest = path;
  let left = tries;
  for (let length = Math.ceil(path.length / 2); length >= 1; ) {
    let isShorter = false;
    for (let from = 0; from + length <= shortest.length && left > 0; from++) {
      const candidate = shortest.toSpliced(from, length);
      if (!isAllowed(specification, candidate)) continue;
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

export function isAllowed<Context>({ initial, next }: Specification<Context>, path: Path): boolean {
  let specified: ReturnType<typeof next> = initial;
  for (const event of path) specified = specified && next(specified, event);
  return specified !== undefined;
}

/** The command that runs one path again. */
export function replayCommand(path: Path): string {
  return `npm run model -- --replay '${JSON.stringify(path)}'`;
}
