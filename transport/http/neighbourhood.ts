/** Who counts as one where a limit is by address. */
import { isIPv6 } from 'node:net';

/** Whoever has an address of IPv6 has all of the last half of it. */
export function neighbourhoodOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = '', tail = ''] = address.split('::');
  const groups = [head, tail].map((part) => (part === '' ? [] : part.split(':')));
  const zeros = address.includes('::') ? 8 - groups.flat().length : 0;
  return [...(groups[0] ?? []), ...Array<string>(zeros).fill('0'), ...(groups[1] ?? [])].slice(0, 4).join(':');
}
