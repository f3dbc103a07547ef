import { expect, it } from 'vitest';
import { formatBriefly, formatMemory, formatMoment } from '../../transport/dashboard/format.ts';
import { timeWidth } from '../../transport/visualizer/box-content.ts';
import { textWidth } from '../../transport/visualizer/text-width.ts';

const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000];

it.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1.77 * second, '1.77 s'],
  [59.9 * second, '59.9 s'],
  [minute, '1 min'],
  [hour - 1, '59 min'],
  [6 * hour + 58 * minute, '6 h'],
  [day - 1, '23 h'],
  [999 * day, '999 d'],
])('writes %d ms briefly as %s, for which there is room beside each name of a chart', (ms, text) => {
  expect(formatBriefly(ms)).toBe(text);
  // As in chart.css.
  expect(textWidth(text, { size: 10 })).toBeLessThan(timeWidth);
});

it.each([
  [512, '512 MiB'],
  [1023, '1,023 MiB'],
  [1536, '1.5 GiB'],
  [12_915, '12.6 GiB'],
])('writes %d MiB as %s', (mebibytes, text) => {
  expect(formatMemory(mebibytes)).toBe(text);
});

it('says in which zone a moment is told', () => {
  expect(formatMoment('2026-11-23T19:37:08.000Z')).toMatch(/:37:08.* (GMT\S*|[A-Z]{3,5})$/);
});
