/** The examples, by the name of their codec. */
import { readFileSync } from 'node:fs';

export const goldenFolder = new URL('./golden/', import.meta.url);

export function readGolden(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`${name}.json`, goldenFolder), 'utf8'));
}
