/** The version in the package.json of this program, which lies as deep below it in a package as in a checkout, or deeper. */
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

export function readVersion(): string {
  const path = findPackageJSON(import.meta.url);
  if (path === undefined) throw new Error(`no package.json above ${import.meta.url}`);
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
  return version;
}
