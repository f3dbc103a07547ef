/** IPv4 addresses as numbers, so that a subnet can be counted through. Parsing is the library's; strict, no octal. */
import { Address4 } from 'ip-address';

/** All addresses from `network` to `broadcast`. */
export interface Ipv4Block {
  network: number;
  broadcast: number;
  prefixLength: number;
}

/** `10.20.0.0/22`; host bits are ignored. Nothing when it is not a block. */
export function parseBlock(cidr: string): Ipv4Block | undefined {
  if (!cidr.includes('/') || !Address4.isValid(cidr)) return undefined;
  const parsed = new Address4(cidr);
  return {
    network: numberOf(parsed.startAddress()),
    broadcast: numberOf(parsed.endAddress()),
    prefixLength: parsed.subnetMask,
  };
}

/** Of a block that was parsed before it was stored. */
export function prefixLengthOf(cidr: string): number {
  return Number(cidr.slice(cidr.indexOf('/') + 1));
}

/** Nothing when it is not an address in its one usual form: each has one name only, as it becomes a key. */
export function parseIpv4(text: string): number | undefined {
  if (text.includes('/') || !Address4.isValid(text)) return undefined;
  return numberOf(new Address4(text));
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

function numberOf(address: Address4): number {
  return Number(address.bigInt());
}
