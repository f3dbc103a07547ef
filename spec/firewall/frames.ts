/** Ethernet frames as a guest could send them, honest or not: hex strings, with right checksums where bridges look. */

export interface Addresses {
  mac: string;
  ip: string;
}

const broadcast = 'ff:ff:ff:ff:ff:ff';

export function ethernet(source: string, type: number, payload: string, destination = broadcast): string {
  return mac(destination) + mac(source) + word(type) + payload.padEnd(92, '0');
}

export function arp(
  { mac: hardware, ip }: Addresses,
  more: { etherSource?: string; hardwareType?: number } = {},
): string {
  const { etherSource = hardware, hardwareType = 1 } = more;
  const head = `${word(hardwareType)}080006040001`;
  return ethernet(etherSource, 0x0806, head + mac(hardware) + ipv4(ip) + mac('00:00:00:00:00:00') + ipv4('10.0.0.2'));
}

export function udp4(from: Addresses, sourcePort: number, destinationPort: number): string {
  return ethernet(from.mac, 0x0800, ipv4Packet(from.ip, 17, udp(sourcePort, destinationPort)));
}

export function udp6(from: Addresses, sourcePort: number, destinationPort: number): string {
  return ethernet(from.mac, 0x86dd, ipv6Packet(from.ip, 17, udp(sourcePort, destinationPort)));
}

/** `body` follows type, code and checksum. */
export function icmp6(from: Addresses, type: number, body: string): string {
  return ethernet(from.mac, 0x86dd, ipv6Packet(from.ip, 58, byte(type) + byte(0) + word(0) + body));
}

export function neighborAdvertisement(from: Addresses, target: string): string {
  return icmp6(from, 136, `20000000${ipv6(target)}`);
}

/** The frame behind a VLAN tag. */
export function tagged(frame: string, type: number, id: number): string {
  return frame.slice(0, 24) + word(type) + word(id) + frame.slice(24);
}

/** Eight groups, all written. */
export function linkLocal(guestMac: string): string {
  const [a = '', b, c, d, e, f] = guestMac.split(':');
  const first = byte(Number.parseInt(a, 16) ^ 2);
  return `fe80:0:0:0:${first}${b}:${c}ff:fe${d}:${e}${f}`;
}

function ipv4Packet(source: string, protocol: number, payload: string): string {
  const length = word(20 + payload.length / 2);
  const before = `4500${length}0000000040${byte(protocol)}`;
  const after = ipv4(source) + ipv4('10.0.0.2');
  return before + word(checksum(`${before}0000${after}`)) + after + payload;
}

function ipv6Packet(source: string, next: number, payload: string): string {
  const head = `60000000${word(payload.length / 2)}${byte(next)}ff`;
  return head + ipv6(source) + ipv6('ff02:0:0:0:0:0:0:1') + payload;
}

function udp(sourcePort: number, destinationPort: number): string {
  return `${word(sourcePort) + word(destinationPort)}000c0000deadbeef`;
}

function checksum(header: string): number {
  const words = header.match(/.{4}/g) ?? [];
  const sum = words.reduce((total, digits) => total + Number.parseInt(digits, 16), 0);
  const folded = (sum & 0xffff) + (sum >> 16);
  return ~(folded + (folded >> 16)) & 0xffff;
}

function mac(address: string): string {
  return address.replaceAll(':', '');
}

function ipv4(address: string): string {
  return address.split('.').map(Number).map(byte).join('');
}

function ipv6(address: string): string {
  return address
    .split(':')
    .map((group) => group.padStart(4, '0'))
    .join('');
}

function byte(value: number): string {
  return value.toString(16).padStart(2, '0');
}

function word(value: number): string {
  return value.toString(16).padStart(4, '0');
}
