/**
 * The rules that hold a guest to its own addresses, as nft matches for frames that come out of its tap; frames to the
 * guest are not looked at. What no rule drops is accepted: ports and protocols are the security groups' business.
 * Pure.
 *
 * Alternatives are rules of their own, not sets: nft reads each set of the whole host before each change.
 *
 * - Source MAC, IPv4 and IPv6 addresses, and the senders in ARP and neighbour advertisements, are the port's own.
 *   IPv6 also has the link-local address made of the MAC (EUI-64), as Neutron's port security.
 * - `0.0.0.0` may ask for an address by DHCP, `::` may look whether its address is free.
 * - No VLAN tags: addresses behind one would not be seen.
 * - No answers that only a network gives: DHCP, router advertisements, redirects.
 */
import { isIPv4 } from 'node:net';
import { fail } from '../../machines/failure.ts';
import type { GuestPort } from '../hypervisor/hypervisor.ts';
import { checkPortAddresses } from '../images/config-drive-network.ts';

/** Its first eleven characters become the tap's name and part of a script. */
const portIdPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const vlanTypes = ['0x8100', '0x88a8', '0x9100'];
/** What a guest sends before it has an IPv6 address: duplicate address detection and its multicast groups. */
const freeAddressCheckTypes = ['nd-neighbor-solicit', 'mld-listener-report', 'mld2-listener-report'];

/** Throws `invalid_request` for a port whose values could not stand in a script. */
export function checkFilterable(port: GuestPort): void {
  if (!portIdPattern.test(port.id)) {
    throw fail('invalid_request', 'the port has no valid id', { details: { field: 'id' } });
  }
  checkPortAddresses(port);
}

/** For a port that `checkFilterable` has passed. */
export function antiSpoofingRules({ mac, fixedIps }: GuestPort): string[] {
  const addresses = fixedIps.map((ip) => ip.address);
  const v4 = addresses.filter((address) => isIPv4(address));
  const v6 = [linkLocal(mac), ...addresses.filter((address) => !isIPv4(address))].map(unabridged);
  const arpSenders = ['0.0.0.0', ...v4];
  return [
    `ether saddr != ${mac} drop`,
    ...vlanTypes.map((type) => `ether type ${type} drop`),

    // What is allowed, then the rest dropped: an ARP of another hardware or length must not slip through.
    ...arpSenders.map(
      (ip) =>
        `ether type arp arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp saddr ether ${mac} arp saddr ip ${ip} accept`,
    ),
    'ether type arp drop',

    'ether type ip udp sport 67 udp dport 68 drop',
    'ether type ip ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept',
    ...v4.map((ip) => `ether type ip ip saddr ${ip} accept`),
    'ether type ip drop',

    'ether type ip6 udp sport 547 udp dport 546 drop',
    'ether type ip6 icmpv6 type nd-router-advert drop',
    'ether type ip6 icmpv6 type nd-redirect drop',
    // The address a neighbour advertisement speaks for follows 8 bytes after its type.
    `ether type ip6 icmpv6 type nd-neighbor-advert ${v6.map((ip) => `@th,64,128 != ${hex(ip)}`).join(' ')} drop`,
    ...freeAddressCheckTypes.map((type) => `ether type ip6 ip6 saddr :: icmpv6 type ${type} accept`),
    ...v6.map((ip) => `ether type ip6 ip6 saddr ${ip} accept`),
    'ether type ip6 drop',
  ];
}

/** RFC 4291, appendix A: the MAC with its universal bit flipped around ff:fe. */
function linkLocal(mac: string): string {
  const [first = 0, ...others] = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const eui64 = [first ^ 0x02, ...others.slice(0, 2), 0xff, 0xfe, ...others.slice(2)];
  const digits = eui64.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `fe80:0:0:0:${digits.match(/.{4}/g)?.join(':')}`;
}

/** All eight groups with all their digits: nft knows no embedded IPv4 part, as in 2001:db8::10.0.0.1. */
function unabridged(address: string): string {
  // The URL parser has written the IPv4 part as groups.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (part = '') => (part === '' ? [] : part.split(':'));
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array<string>(missing).fill('0'), ...groups(tail)];
  return all.map((group) => group.padStart(4, '0')).join(':');
}

/** As the number nft compares raw payload with. */
function hex(address: string): string {
  return `0x${address.replaceAll(':', '')}`;
}
