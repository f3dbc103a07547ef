/** Metadata as they are typed: lines, of which an object can hold only one of each name. */
import type { Metadata, MetadataChanges } from '../../messages/common.ts';
import type { Problems } from './problems.ts';

export type MetadataLines = readonly (readonly [name: string, value: string])[];

/** What their schema cannot see: of two lines with one name it is shown the last. */
export function problemsOfLines(lines: MetadataLines): Problems {
  const names = lines.map(([name]) => name);
  const repeated = names.find((name, at) => names.indexOf(name) < at);
  return repeated === undefined ? {} : { metadata: `“${repeated}” has more than one line.` };
}

/** What was typed other than it was, and what was taken away: the rest is left to whoever else changes it. */
export function changesOf(before: Metadata, lines: MetadataLines): MetadataChanges {
  const after = new Map(lines);
  const missing = Object.keys(before).filter((name) => !after.has(name));
  const typed = lines.filter(([name, text]) => !Object.hasOwn(before, name) || before[name] !== text);
  return Object.fromEntries([...missing.map((name) => [name, null] as const), ...typed]);
}
