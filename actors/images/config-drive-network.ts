/**
 * How the config drive tells a guest of its network, twice: as OpenStack's network_data.json and, for clients that
 * came before it, as a Debian /etc/network/interfaces (Nova's interfaces.template). Addresses are static: there is
 * no DHCP server. Pure.
 *
 * Only the first gateway of each family becomes a default route: with two, ifup fails on the second interface.
 */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { fail } from '../../machines/failure.ts';
import type { GuestPort } from '../hypervisor/hypervisor.ts';
import { tapName } from '../hypervisor/tap-name.ts';

const macPattern = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

type FixedIp = GuestPort['fixedIps'][number];

/** Throws `invalid_request` for a port whose values could not stand in a configuration file. */
export function checkPortAddresses(port: GuestPort): void {
  const refuse = (field: string) =>
    fail('invalid_request', `port ${JSON.stringify(port.id)} has an invalid ${field}`, { details: { field } });
  if (!macPattern.test(port.mac)) throw refuse('mac');
  if (!Number.isInteger(port.mtu) || port.mtu < 68 || port.mtu > 65_535) throw refuse('mtu');
  for (const { address, prefixLength, gateway } of port.fixedIps) {
    if (!isPlainIp(address)) throw refuse('fixedIps/address');
    const longest = isIPv4(address) ? 32 : 128;
    if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > longest) {
      throw refuse('fixedIps/prefixLength');
    }
    if (gateway !== undefined && isIP(gateway) !== isIP(address)) throw refuse('fixedIps/gateway');
  }
  if (!port.dnsServers.every(isPlainIp)) throw refuse('dnsServers');
}

export function networkData(ports: readonly GuestPort[]): Record<string, unknown> {
  const routed = defaultRoutes(ports);
  const links = ports.map((port) => ({
    id: tapName(port.id),
    vif_id: port.id,
    type: 'bridge',
    mtu: port.mtu,
    ethernet_mac_address: port.mac,
  }));
  const networks = ports.flatMap((port) =>
    port.fixedIps.map((ip) => ({
      type: isIPv4(ip.address) ? 'ipv4' : 'ipv6',
      link: tapName(port.id),
      // One bridge stands for one network on a host; the port does not know its network's id.
      network_id: port.bridge,
      ip_address: ip.address,
      netmask: netmask(ip),
      routes: routed.has(ip) ? [defaultRoute(ip)] : [],
      services: dnsServices(port.dnsServers.filter((server) => isIP(server) === isIP(ip.address))),
    })),
  );
  return {
    links,
    networks: networks.map((network, index) => ({ id: `network${index}`, ...network })),
    services: dnsServices([...new Set(ports.flatMap((port) => port.dnsServers))]),
  };
}

export function interfacesFile(ports: readonly GuestPort[]): string {
  const routed = defaultRoutes(ports);
  const stanzas = ports.map((port, index) => {
    const name = `eth${index}`;
    const addresses = port.fixedIps.map((ip, position) => [
      `iface ${name} ${isIPv4(ip.address) ? 'inet' : 'inet6'} static`,
      `    hwaddress ether ${port.mac}`,
      `    address ${ip.address}`,
      `    netmask ${isIPv4(ip.address) ? netmask(ip) : ip.prefixLength}`,
      `    mtu ${port.mtu}`,
      ...(routed.has(ip) ? [`    gateway ${ip.gateway}`] : []),
      ...(position === 0 && port.dnsServers.length > 0 ? [`    dns-nameservers ${port.dnsServers.join(' ')}`] : []),
    ]);
    const unaddressed = [[`iface ${name} inet manual`, `    hwaddress ether ${port.mac}`, `    mtu ${port.mtu}`]];
    return [`auto ${name}`, ...(addresses.length > 0 ? addresses : unaddressed).flat()].join('\n');
  });
  return `${['auto lo\niface lo inet loopback', ...stanzas].join('\n\n')}\n`;
}

/** Without a zone: `fe80::1%eth0` is an address to Node, but the zone is free text. */
function isPlainIp(address: string): boolean {
  return isIPv4(address) || (isIPv6(address) && !address.includes('%'));
}

function defaultRoutes(ports: readonly GuestPort[]): Set<FixedIp> {
  const withGateway = ports.flatMap((port) => port.fixedIps).filter((ip) => ip.gateway !== undefined);
  const first = [withGateway.find((ip) => isIPv4(ip.address)), withGateway.find((ip) => isIPv6(ip.address))];
  return new Set(first.filter((ip) => ip !== undefined));
}

function defaultRoute(ip: FixedIp): Record<string, unknown> {
  const anywhere = isIPv4(ip.address) ? '0.0.0.0' : '::';
  return { network: anywhere, netmask: anywhere, gateway: ip.gateway };
}

function dnsServices(servers: string[]): { type: 'dns'; address: string }[] {
  return servers.map((address) => ({ type: 'dns', address }));
}

function netmask({ address, prefixLength }: FixedIp): string {
  const isV4 = isIPv4(address);
  const groupBits = isV4 ? 8 : 16;
  const groups = Array.from({ length: isV4 ? 4 : 8 }, (_, index) => {
    const ones = Math.min(groupBits, Math.max(0, prefixLength - index * groupBits));
    return 2 ** groupBits - 2 ** (groupBits - ones);
  });
  return isV4 ? groups.join('.') : groups.map((group) => group.toString(16)).join(':');
}
