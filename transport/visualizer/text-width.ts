/** How wide a text will be, where nobody can measure it: by the widths of Helvetica, whose metrics the chart's fonts share. */

/** Widths in thousandths of the font's size, and the characters that have them. */
const widths: [number, string][] = [
  [222, "ijl'|"],
  [278, ' .,:;/\\!()[]ftrI-'],
  [500, 'ckJsvxyz’'],
  [611, 'FTZ'],
  [667, 'ABEKPSVXY&'],
  [722, 'CDHNRUw'],
  [778, 'GOQ'],
  [833, 'mM'],
  [944, 'W'],
  [1000, '→…'],
];
const widthOf = new Map(widths.flatMap(([width, characters]) => [...characters].map((each) => [each, width])));
const usualWidth = 556;
/** Bold is wider; and fonts that stand in for Helvetica are a little. */
const boldness = 1.06;
const slack = 1.03;

export function textWidth(text: string, { size, isBold = false }: { size: number; isBold?: boolean }): number {
  const thousandths = [...text].reduce((sum, each) => sum + (widthOf.get(each) ?? usualWidth), 0);
  return (thousandths / 1000) * size * slack * (isBold ? boldness : 1);
}
