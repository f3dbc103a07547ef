/** Values of the API as a person reads them. */
import { stripVTControlCharacters } from 'node:util';

/** Control characters, and marks for the direction of writing: they move the cursor, hide a line or turn it around. */
const unprintable = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]+/gu;

/** Nothing there. */
const absent = '-';

const units = [
  ['s', 60],
  ['min', 60],
  ['h', 24],
  ['d', Infinity],
] as const;

/** In a cell: one line. `key` is the field's name, which tells what it holds. */
export function formatValue(key: string, value: unknown, now: number): string {
  if (value === undefined || value === null || value === '') return absent;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (isTime(key) && typeof value === 'string') return formatAge(value, now);
  if (key === 'size' && typeof value === 'number') return formatBytes(value);
  if (Array.isArray(value)) return value.map((each) => formatValue('', each, now)).join(', ') || absent;
  if (typeof value === 'object') {
    const pairs = Object.entries(value).map(([name, each]) => `${printable(name)}=${formatValue(name, each, now)}`);
    return pairs.join(', ') || absent;
  }
  return printable(String(value));
}

/** `3 min ago`, `in 2 h`. */
export function formatAge(time: string, now: number): string {
  const age = now - Date.parse(time);
  // What is to come in 7 h 59 min comes in 8 h; what was 7 h 59 min ago is not 8 h old.
  const round = age < 0 ? Math.ceil : Math.floor;
  let count = round(Math.abs(age) / 1000);
  let unit: string = 's';
  for (const [name, size] of units) {
    unit = name;
    if (count < size) break;
    count = round(count / size);
  }
  return age < 0 ? `in ${count} ${unit}` : `${count} ${unit} ago`;
}

/** `2026-11-23 14:03:48`, in the time zone of whoever reads it. */
export function formatLocalTime(time: string | number, { millis = false } = {}): string {
  const date = new Date(time);
  const two = (part: number) => String(part).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${day} ${clock}${millis ? `.${String(date.getMilliseconds()).padStart(3, '0')}` : ''}`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const names = ['KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(names.length, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(1)} ${names[power - 1]}`;
}

/** Whether a field of that name is a time. */
export function isTime(key: string): boolean {
  return key === 'at' || /At$/.test(key);
}

/** What others have written is shown, not obeyed. */
export function printable(text: string): string {
  return text.replaceAll(unprintable, ' ');
}

/** The same of a text that may have several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** What a guest has written for a terminal, without what it would do to ours: its colours go too. */
export function printableLog(text: string): string {
  const lines = stripVTControlCharacters(text).split(/\r*\n/);
  return lines.map((line) => line.split('\t').map(printable).join('\t')).join('\n');
}

/** A document that changes nothing of the terminal that it is shown on: JSON lets some control characters stand. */
export function printableJson(document: unknown, indent?: number): string {
  return JSON.stringify(document, undefined, indent)
    .split('\n')
    .map((line) => line.replaceAll(unprintable, escaped))
    .join('\n');
}

function escaped(text: string): string {
  return [...text].map((character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
}
