/**
 * Whether it is a page of ours that asks. A browser shows its cookie also when the page of somebody else has it ask; it
 * says then whose page that is, and no page can have it say otherwise.
 */
import { fail } from '../../machines/failure.ts';
import { type Asking, isEncrypted } from './asking.ts';

/** Throws `forbidden` unless the browser says that the page is ours. */
export function refuseForeign(asking: Asking): void {
  if (isOurs(asking)) return;
  throw fail('forbidden', 'only pages of this server may ask with its cookie: Origin has to be that of this server');
}

function isOurs(asking: Asking): boolean {
  const { origin, 'sec-fetch-site': site } = asking.headers;
  if (origin === undefined) {
    // Of what it only looks at, a browser says nothing to a server that does not encrypt, nor whose page it is when it is
    // no page's; what comes back no page of somebody else can read.
    return site === 'same-origin' || ((site === undefined || site === 'none') && onlyLooks(asking));
  }
  return isOrigin(origin, asking) && (site === undefined || site === 'same-origin');
}

function isOrigin(origin: string, asking: Asking): boolean {
  if (!URL.canParse(origin)) return false;
  const { host, protocol } = new URL(origin);
  // A proxy that is not trusted may encrypt where we do not.
  return host === asking.host && (protocol === 'https:' || !isEncrypted(asking));
}

/** A WebSocket begins like it, and can do anything. */
function onlyLooks({ method, headers }: Asking): boolean {
  return method === 'GET' && headers.upgrade === undefined;
}
