/**
 * NATS servers as one writes them: `nats://host:port`, several of a cluster separated by commas. Who connects may stand
 * in front, `nats://user:password@host` or `nats://token@host`, with what is special in a URL encoded; it is shown to
 * nobody.
 */
import type { ConnectionOptions } from 'nats';

const hidden = '••••';

/** What the client of NATS, which takes no notice of who stands in a URL, is to be told. */
export function connectionOf(urls: string): Pick<ConnectionOptions, 'servers' | 'user' | 'pass' | 'token'> {
  const several = split(urls);
  const who = several.find(({ who }) => who)?.who;
  return { servers: several.map(({ scheme, host }) => scheme + host), ...(who && credentialsIn(who)) };
}

/** The same without a secret: what may be printed. */
export function shownUrls(urls: string): string {
  return split(urls)
    .map(({ scheme, who, host }) => scheme + (who && `${hidden}@`) + host)
    .join(',');
}

/** A password that nobody has encoded may hold anything: it ends with the last `@` before the next scheme. */
function split(urls: string) {
  return urls.split(/,(?=\w+:\/\/|[^@]*$)/).map((url) => {
    const [, scheme = '', who = '', host = ''] = /^(\w+:\/\/)?(?:(.*)@)?(.*)$/s.exec(url) ?? [];
    return { scheme, who, host };
  });
}

function credentialsIn(who: string): Pick<ConnectionOptions, 'user' | 'pass' | 'token'> {
  const colon = who.indexOf(':');
  if (colon < 0) return { token: decoded(who) };
  return { user: decoded(who.slice(0, colon)), pass: decoded(who.slice(colon + 1)) };
}

/** A `%` that encodes nothing stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
