/** Networks, subnets and fixed IPs as a client sees them. */
import type { AddressView, NetworkView, SubnetView } from '../../transport/messages/api/network.ts';
import type { AddressLease, Network, Port, Subnet } from '../../transport/messages/records.ts';
import { timestamp } from './timestamp.ts';

/** `isWhole`: with what is an operator's business. */
export function viewNetwork(
  { id, name, projectId, type, bridge, mtu, createdAt }: Network,
  subnetIds: string[],
  { isWhole }: { isWhole: boolean },
): NetworkView {
  return {
    id,
    name,
    isShared: projectId === undefined,
    ...(projectId !== undefined && { projectId }),
    type,
    ...(isWhole && { bridge }),
    mtu,
    subnetIds,
    createdAt: timestamp(createdAt),
  };
}

export function viewSubnet(
  { id, networkId, cidr, gateway, dnsServers, allocation, createdAt }: Subnet,
  addresses: SubnetView['addresses'],
): SubnetView {
  return {
    id,
    networkId,
    cidr,
    ...(gateway !== undefined && { gateway }),
    dnsServers,
    allocation,
    addresses,
    createdAt: timestamp(createdAt),
  };
}

/** An address of a port, and since when it has it. */
export interface HeldAddress {
  address: string;
  subnetId: string;
  port: Port;
  lease: AddressLease;
}

export function viewAddress({ address, subnetId, port, lease }: HeldAddress): AddressView {
  const { id: portId, networkId, mac, instanceUuid, projectId } = port;
  return { address, subnetId, networkId, portId, mac, instanceUuid, projectId, leasedAt: timestamp(lease.leasedAt) };
}
