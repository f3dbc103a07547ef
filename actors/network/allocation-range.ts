/** Which addresses of a subnet are given out: those of its allocation that are of its block, and not its gateway's. */
import type { Subnet } from '../../transport/messages/records.ts';
import { parseBlock, parseIpv4 } from './ipv4.ts';

export interface AllocationRange {
  first: number;
  last: number;
  /** Of no use, when it is in between. */
  gateway: number | undefined;
}

export function allocationRange({ allocation, cidr, gateway }: Subnet): AllocationRange {
  const block = parseBlock(cidr);
  return {
    first: Math.max(parseIpv4(allocation.first) ?? 0, (block?.network ?? 0) + 1),
    last: Math.min(parseIpv4(allocation.last) ?? 0, (block?.broadcast ?? 0) - 1),
    gateway: gateway === undefined ? undefined : parseIpv4(gateway),
  };
}

/** Whether the address is one that may be given out. */
export function isAllocatable({ first, last, gateway }: AllocationRange, address: number): boolean {
  return first <= address && address <= last && address !== gateway;
}

/** How many there are. */
export function sizeOf(range: AllocationRange): number {
  const { first, last, gateway } = range;
  const isGatewayAmong = gateway !== undefined && first <= gateway && gateway <= last;
  return Math.max(0, last - first + 1) - (isGatewayAmong ? 1 : 0);
}
