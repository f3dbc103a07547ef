/** The files of the reference, as they have to be now. */
import { asyncApiDocument } from '../../transport/reference/asyncapi.ts';
import { jsonText } from '../../transport/reference/json-text.ts';
import { referencePage } from '../../transport/reference/page.ts';
import { readGolden } from '../messages/golden.ts';

const folder = new URL('../../transport/reference/', import.meta.url);

export function referenceFiles(): { url: URL; text: string }[] {
  return [
    { url: new URL('asyncapi.json', folder), text: `${jsonText(asyncApiDocument(readGolden))}\n` },
    { url: new URL('README.md', folder), text: referencePage(readGolden) },
  ];
}
