/** An address that somebody wants to have: where it would be of. */
import { fail } from '../../machines/failure.ts';
import type { Network, Subnet } from '../../transport/messages/records.ts';
import { parseBlock, parseIpv4 } from './ipv4.ts';

/**
 * The subnet in which a guest may have the address. It need not be of the allocation range: that is for the rest. Throws
 * `invalid_request` when there is none.
 */
export function subnetOf(fixedIp: string, subnets: Subnet[], network: Network, field: string): Subnet {
  const refuse = (why: string) =>
    fail('invalid_request', `field ${field}: ${fixedIp} ${why}`, { details: { field, fixedIp } });
  const number = parseIpv4(fixedIp);
  if (number === undefined) throw refuse('is not an IPv4 address');
  for (const subnet of subnets) {
    const block = parseBlock(subnet.cidr);
    if (!block || !isWithin(number, block)) continue;
    if (number === block.network) throw refuse(`is the network address of ${subnet.cidr}`);
    if (number === block.broadcast) throw refuse(`is the broadcast address of ${subnet.cidr}`);
    if (subnet.gateway === fixedIp) throw refuse(`is the gateway of ${subnet.cidr}`);
    return subnet;
  }
  throw refuse(`is in no subnet of network ${network.name} (${subnets.map(({ cidr }) => cidr).join(', ')})`);
}

export function isWithin(address: number | undefined, block: ReturnType<typeof parseBlock>): boolean {
  return address !== undefined && block !== undefined && address >= block.network && address <= block.broadcast;
}
