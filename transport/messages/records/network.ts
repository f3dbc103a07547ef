/** Networks, and what instances have of them: ports, and addresses that are theirs alone. */
import Type, { type Static } from 'typebox';
import { allows, Described, Exact, Id, Ipv4, Mac, maxInteger, Name, OneOf, Time, Uuid } from '../common.ts';

export const Network = Exact({
  id: Uuid,
  name: Name,
  projectId: Type.Optional(Id),
  type: Described(OneOf(['flat', 'vlan', 'gre', 'vxlan']), 'how its segments are kept apart'),
  bridge: Type.String({
    pattern: '^[a-zA-Z0-9_.-]{1,15}$',
    ...allows('1 to 15 letters, digits, `_`, `.` or `-`'),
    description: 'the bridge on each host',
  }),
  mtu: Type.Integer({ minimum: 576, maximum: 65535, description: 'the largest packet, in bytes' }),
  createdAt: Time,
});
export type Network = Static<typeof Network>;

export const Subnet = Exact({
  id: Uuid,
  networkId: Uuid,
  cidr: Type.String({ description: 'its block of addresses, such as 10.0.0.0/24' }),
  gateway: Type.Optional(Ipv4),
  dnsServers: Type.Array(Ipv4),
  allocation: Exact({ first: Ipv4, last: Ipv4 }, { description: 'the addresses that instances are given' }),
  createdAt: Time,
});
export type Subnet = Static<typeof Subnet>;

/** Counts the hosts that an instance was placed on, from 1. */
export const Attempt = Type.Integer({ minimum: 1, maximum: maxInteger });

export const Port = Exact({
  id: Uuid,
  networkId: Uuid,
  projectId: Id,
  instanceUuid: Uuid,
  host: Type.String(),
  /** Of the instance, for which it was allocated last; absent in records of earlier releases: the first. */
  attempt: Type.Optional(Attempt),
  mac: Mac,
  fixedIps: Type.Array(Exact({ subnetId: Uuid, address: Ipv4 })),
  securityGroups: Type.Array(Name),
  createdAt: Time,
});
export type Port = Static<typeof Port>;

/** That an address is taken: the key is `<subnet>.<address>`, and creating it is what makes it unique. */
export const AddressLease = Exact({
  portId: Uuid,
  instanceUuid: Uuid,
  attempt: Type.Optional(Attempt),
  leasedAt: Time,
});
export type AddressLease = Static<typeof AddressLease>;
