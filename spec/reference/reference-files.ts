/** The files of the reference, as they have to be now. */
import { asyncApiDocument } from '../../transport/reference/asyncapi.ts';
import { jsonText } from '../../transport/reference/json-text.ts';
import { referencePage } from '../../transport/reference/page.ts';
import { elkInProcess } from '../../transport/visualizer/elk-in-process.ts';
import { exportChart } from '../../transport/visualizer/export.ts';
import { type ChartName, knownChart } from '../../transport/visualizer/known-charts.ts';
import { readGolden } from '../messages/golden.ts';

const folder = new URL('../../transport/reference/', import.meta.url);

export async function referenceFiles(): Promise<{ url: URL; text: string }[]> {
  return [
    { url: new URL('asyncapi.json', folder), text: `${jsonText(asyncApiDocument(readGolden))}\n` },
    { url: new URL('README.md', folder), text: referencePage(readGolden) },
    { url: new URL('instance-chart.svg', folder), text: await drawing('instance') },
    { url: new URL('host-chart.svg', folder), text: await drawing('host') },
  ];
}

function drawing(name: ChartName): Promise<string> {
  return exportChart(knownChart(name), 'svg', { unfolded: new Set(), elk: elkInProcess() });
}
