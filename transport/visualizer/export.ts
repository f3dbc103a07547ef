/** A chart as text, in each form in which it can be had. */
import type { ELK } from 'elkjs/lib/elk-api.js';
import { type Chart, statesWithin } from './chart.ts';
import { mermaidOf } from './mermaid.ts';
import { outlineOf } from './outline.ts';
import { pictureOf } from './picture.ts';
import { svgFile } from './svg.ts';

export const exportFormats = ['svg', 'mermaid', 'json'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** The whole chart as JSON; as a picture, the states that are unfolded are drawn with what is in them. */
export async function exportChart(
  chart: Chart,
  format: ExportFormat,
  { unfolded, elk }: { unfolded: ReadonlySet<string>; elk: Pick<ELK, 'layout'> },
): Promise<string> {
  switch (format) {
    case 'json':
      return `${JSON.stringify(chart, undefined, 2)}\n`;
    case 'mermaid':
      return mermaidOf(outlineOf(chart, unfolded));
    case 'svg':
      return svgFile(await pictureOf(outlineOf(chart, unfolded), elk));
  }
}

/** The states that are folded unless they are asked for. */
export function foldableStates({ root }: Chart): string[] {
  return statesWithin(root).flatMap(({ kind, states }) =>
    kind === 'parallel' ? [] : states.filter((state) => state.states.length > 0).map(({ path }) => path),
  );
}
