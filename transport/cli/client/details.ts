/** One thing with all its fields, a line each; lists of things within it are tables, things within it are indented. */
import stringWidth from 'string-width';
import { formatAge, formatLocalTime, formatValue, isTime, printable } from './format-value.ts';
import { pad, table } from './table.ts';

export function details(thing: object, now: number): string[] {
  const fields = Object.entries(thing);
  const width = Math.max(0, ...fields.map(([name]) => stringWidth(name)));
  return fields.flatMap(([name, value]) => {
    const [first = '-', ...rest] = linesOf(name, value, now);
    return [`${pad(printable(name), width)}  ${first}`, ...rest.map((line) => `${' '.repeat(width)}  ${line}`)];
  });
}

function linesOf(name: string, value: unknown, now: number): string[] {
  if (isTime(name) && typeof value === 'string') return [`${formatLocalTime(value)} (${formatAge(value, now)})`];
  if (isListOfThings(value)) {
    const names = [...new Set(value.flatMap((each) => Object.keys(each)))];
    return table(
      names.map(printable),
      value.map((each) => names.map((key) => formatValue(key, each[key], now))),
    );
  }
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return details(value, now);
  if (typeof value === 'string' && value.includes('\n')) {
    return value
      .trimEnd()
      .split('\n')
      .map((line) => formatValue(name, line, now));
  }
  return [formatValue(name, value, now)];
}

function isListOfThings(value: unknown): value is Record<string, unknown>[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => each !== null && typeof each === 'object');
}
