/** Metadata as they are typed: lines, of which an object can hold only one of each name. */
import type { Problems } from './problems.ts';

export type MetadataLines = readonly (readonly [name: string, value: string])[];

/** What their schema cannot see: of two lines with one name it is shown the last. */
export function problemsOfLines(lines: MetadataLines): Problems {
  const names = lines.map(([name]) => name);
  const repeated = names.find((name, at) => names.indexOf(name) < at);
  return repeated === undefined ? {} : { metadata: `“${repeated}” has more than one line.` };
}
