/**
 * For whom proxies say that they ask, as addresses and nothing else. Some add the port, with which each connection would be
 * somebody else’s.
 */
import { isIP } from 'node:net';

const withPort = /^(?:\[(?<six>[^\]]*)\]|(?<four>[\d.]+))(?::\d+)?$/;

/** Without ports. What stands before an entry that is no address nobody vouches for, and is left out with it. */
export function addressesIn(forwardedFor: string): string {
  const addresses: string[] = [];
  for (const each of forwardedFor.split(',').reverse()) {
    const text = each.trim();
    if (text === '') continue;
    const address = addressOf(text);
    if (address === undefined) break;
    addresses.unshift(address);
  }
  return addresses.join(', ');
}

function addressOf(text: string): string | undefined {
  if (isIP(text)) return text;
  const { six = '', four = '' } = withPort.exec(text)?.groups ?? {};
  return isIP(six) === 6 ? six : isIP(four) === 4 ? four : undefined;
}
