/** What of a thing a table shows. A column is a path into the reply, `flavor.name`, or is made of several fields. */
import type { TSchema } from 'typebox';
import { fail } from '../../../machines/failure.ts';
import { formatValue } from './format-value.ts';

export type Thing = Record<string, unknown>;

export type Column = string | { name: string; of: (thing: Thing, now: number) => string };

export function nameOf(column: Column): string {
  return typeof column === 'string' ? column : column.name;
}

/** `FLAVOR` for `flavor.name`, `ADDRESSES` for `ports.addresses`, `VM STATE` for `vmState`. */
export function headerOf(column: Column): string {
  const segments = nameOf(column).split('.');
  const last = segments.at(-1) ?? '';
  const telling = last === 'name' || last === 'id' ? (segments.at(-2) ?? last) : last;
  return telling
    .replace(/At$/, '')
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .replace(/^is /, '')
    .toUpperCase();
}

export function cellOf(column: Column, thing: Thing, now: number): string {
  if (typeof column !== 'string') return column.of(thing, now);
  return formatValue(column.split('.').at(-1) ?? '', valueAt(thing, column), now);
}

/** Through lists it takes what is at the path in each of their entries. */
export function valueAt(thing: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => {
    if (Array.isArray(value)) return value.flatMap((each) => valueAt(each, key) ?? []);
    return (value as Thing | null | undefined)?.[key];
  }, thing);
}

/** The columns that `--columns` names. Throws `invalid_request` for one that the thing has not. */
export function chooseColumns(wanted: string, known: readonly Column[], schema: TSchema): Column[] {
  const paths = pathsOf(schema);
  return wanted.split(',').map((text) => {
    const name = text.trim();
    const column = known.find((each) => nameOf(each) === name);
    if (column) return column;
    if (paths.some((path) => path === name || (path.endsWith('.*') && name.startsWith(path.slice(0, -1))))) return name;
    const names = [...new Set([...known.map(nameOf), ...paths])];
    throw fail('invalid_request', `there is no column ${JSON.stringify(name)}; there are ${names.join(', ')}`);
  });
}

/** All paths into a schema; `metadata.*` where any name will do. */
export function pathsOf(schema: TSchema): string[] {
  const { properties, patternProperties, items } = schema as {
    properties?: Record<string, TSchema>;
    patternProperties?: object;
    items?: TSchema;
  };
  if (items) return pathsOf(items);
  if (patternProperties) return ['*'];
  return Object.entries(properties ?? {}).flatMap(([name, each]) => [
    name,
    ...pathsOf(each).map((path) => `${name}.${path}`),
  ]);
}
