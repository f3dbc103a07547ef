/** Rows as columns of text, aligned by what a terminal shows: an ideograph is two wide, a combining accent none. */
import stringWidth from 'string-width';

const gap = '  ';
/** What a column keeps when the terminal is too narrow. */
const leastWidth = 8;
/** Identifiers and addresses are copied from the screen: they are never cut. */
const identifier =
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{64}|(\d{1,3}\.){3}\d|([0-9a-f]{2}:){5}[0-9a-f]{2}/;

const graphemes = new Intl.Segmenter();

/** Lines without their ends. Columns that hold no identifiers are cut, the widest first, until it fits. */
export function table(headers: readonly string[], rows: readonly (readonly string[])[], width = Infinity): string[] {
  const columns = headers.map((header, index) => [header, ...rows.map((row) => row[index] ?? '')]);
  const widths = columns.map((cells) => Math.max(...cells.map((cell) => stringWidth(cell))));
  const mayShrink = columns.map((cells) => !cells.some((cell) => identifier.test(cell)));
  let excess = widths.reduce((sum, each) => sum + each, gap.length * (widths.length - 1)) - width;
  while (excess > 0) {
    const widest = widths.reduce(
      (best, each, index) => (mayShrink[index] && each > leastWidth && each > (widths[best] ?? 0) ? index : best),
      -1,
    );
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess--;
  }
  return [headers, ...rows].map((row) =>
    widths
      .map((each, index) => pad(cut(row[index] ?? '', each), each))
      .join(gap)
      .trimEnd(),
  );
}

export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)));
}

/** At most `width` wide; what was cut off is shown as `…`. */
export function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    used += stringWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}
