/** Requests about networks. They are looked at here; making them comes with the network engine. */
import Type, { type Static } from 'typebox';
import { Described, Exact, Id, Ipv4, Mac, Timestamp, Uuid } from '../common.ts';
import { Network, Subnet } from '../records.ts';
import { Of, read } from './endpoint.ts';
import { InstanceUuid, markedBy, NetworkRef, paging } from './fields.ts';

const { type, bridge, mtu } = Network.properties;
export const NetworkView = Exact(
  {
    id: Uuid,
    name: Type.String(),
    isShared: Type.Boolean({ description: 'every project may use it' }),
    projectId: Type.Optional(Described(Id, 'whose it is; absent: everybody’s')),
    type,
    bridge: Type.Optional(bridge),
    mtu,
    subnetIds: Type.Array(Uuid),
    createdAt: Timestamp,
  },
  { title: 'Network' },
);
export type NetworkView = Static<typeof NetworkView>;

const { cidr, gateway, dnsServers, allocation } = Subnet.properties;
export const SubnetView = Exact(
  {
    id: Uuid,
    networkId: Uuid,
    cidr,
    gateway,
    dnsServers,
    allocation,
    addresses: Exact({
      total: Type.Integer({ description: 'that there are to give' }),
      used: Type.Integer({ description: 'that instances have' }),
    }),
    createdAt: Timestamp,
  },
  { title: 'Subnet' },
);
export type SubnetView = Static<typeof SubnetView>;

export const AddressView = Exact(
  {
    address: Ipv4,
    subnetId: Uuid,
    networkId: Uuid,
    portId: Uuid,
    mac: Mac,
    instanceUuid: Described(Uuid, 'which instance has it'),
    projectId: Id,
    leasedAt: Timestamp,
  },
  { title: 'Address' },
);
export type AddressView = Static<typeof AddressView>;

export const networkEndpoints = {
  get: read({
    name: 'network.get',
    description: 'One network, by id or name. Only administrators see its bridge.',
    request: Exact({ network: NetworkRef }),
    reply: Exact({ network: NetworkView }),
  }),
  list: read({
    name: 'network.list',
    description: 'The networks that the project may use, by name.',
    request: Exact({ ...paging, marker: markedBy(NetworkRef) }),
    reply: Exact({ networks: Type.Array(NetworkView) }),
  }),
};

export const subnetEndpoints = {
  list: read({
    name: 'subnet.list',
    description: 'The subnets of the networks that the project may use, and how full they are.',
    request: Exact({
      network: Type.Optional(NetworkRef),
      ...paging,
      marker: markedBy(Of('subnet.list', '/subnets/*/id', Uuid)),
    }),
    reply: Exact({ subnets: Type.Array(SubnetView) }),
  }),
};

export const addressEndpoints = {
  list: read({
    name: 'address.list',
    description: 'The fixed IPs that instances of the project have.',
    request: Exact({
      network: Type.Optional(NetworkRef),
      instanceUuid: Type.Optional(InstanceUuid),
      allProjects: Type.Optional(Type.Boolean({ description: 'for administrators' })),
      ...paging,
      marker: markedBy(Of('address.list', '/addresses/*/portId', Uuid)),
    }),
    reply: Exact({ addresses: Type.Array(AddressView) }),
  }),
};
