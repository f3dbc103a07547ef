/**
 * Whether it is a page of ours that asks. A browser shows its cookie also when the page of somebody else has it ask; it
 * says then whose page that is, and no page can have it say otherwise.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { fail } from '../../machines/failure.ts';

/** Throws `forbidden` unless the browser says that the page is ours. */
export function refuseForeign(headers: IncomingHttpHeaders): void {
  if (isOurs(headers)) return;
  throw fail('forbidden', 'only pages of this server may ask with its cookie: Origin has to be that of this server');
}

function isOurs({ origin, host, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  if (origin === undefined) return site === 'same-origin';
  // What stands before us may encrypt where we do not, so that only the host can be compared.
  return URL.canParse(origin) && new URL(origin).host === host && (site === undefined || site === 'same-origin');
}
