/**
 * What is stored: one schema and one bucket for each kind of record, under Nova's names in camel case.
 * Times are epoch milliseconds. Changing a schema is a change of the stored format.
 */
import Type, { type Static } from 'typebox';
import { defineBucket } from '../nats/bucket.ts';
import { Exact, Id, Ipv4, Mac, Metadata, Name, OneOf, Sha256, Text, Time, Uuid } from './common.ts';

export const Flavor = Exact({
  id: Id,
  name: Name,
  vcpus: Type.Integer({ minimum: 1, maximum: 1024 }),
  memoryMb: Type.Integer({ minimum: 1, maximum: 64 * 1024 * 1024 }),
  /** 0: as large as the image's own disk. */
  rootGb: Type.Integer({ minimum: 0, maximum: 1024 * 1024 }),
  /** What its instances ask of a host. Nova's extra specs. */
  extraSpecs: Type.Optional(Metadata),
});
export type Flavor = Static<typeof Flavor>;

export const ImageFile = Exact({ sha256: Sha256, size: Type.Integer({ minimum: 0 }) });
export const imageFileRoles = ['disk', 'kernel', 'ramdisk'] as const;
/** Announced; being put together from its chunks; fit to launch. */
export const imageStatuses = ['queued', 'saving', 'active'] as const;

export const Image = Exact({
  id: Uuid,
  name: Name,
  status: OneOf(imageStatuses),
  /** Of its disk; `none`: only a kernel and a ramdisk. */
  diskFormat: OneOf(['qcow2', 'raw', 'none']),
  disk: Type.Optional(ImageFile),
  kernel: Type.Optional(ImageFile),
  ramdisk: Type.Optional(ImageFile),
  kernelArguments: Type.Optional(Text),
  minDiskGb: Type.Integer({ minimum: 0 }),
  minMemoryMb: Type.Integer({ minimum: 0 }),
  /** What the host must offer, for example `architecture: x86_64`. Nova's image properties. */
  properties: Metadata,
  /** Whose it is; absent: everybody's. */
  projectId: Type.Optional(Id),
  createdAt: Time,
});
export type Image = Static<typeof Image>;

export const KeyPair = Exact({
  name: Name,
  projectId: Id,
  userId: Id,
  publicKey: Type.String({ maxLength: 16384 }),
  fingerprint: Type.String(),
  createdAt: Time,
});
export type KeyPair = Static<typeof KeyPair>;

/** What a client asked to be put on its instance. Secret; a record of its own, removed with the instance. */
export const InstancePayload = Exact({
  adminPassword: Type.Optional(Type.String()),
  userData: Type.Optional(Type.String()),
  files: Type.Optional(Type.Array(Exact({ path: Type.String(), contents: Type.String() }))),
});
export type InstancePayload = Static<typeof InstancePayload>;

/** Where an instance wants to be, in relation to others. Nova's scheduler hints. */
export const SchedulerHints = Exact({
  /** A server group's id. */
  group: Type.Optional(Uuid),
  sameHost: Type.Optional(Type.Array(Uuid, { maxItems: 64 })),
  differentHost: Type.Optional(Type.Array(Uuid, { maxItems: 64 })),
});
export type SchedulerHints = Static<typeof SchedulerHints>;

export const ServerGroup = Exact({
  id: Uuid,
  name: Name,
  projectId: Id,
  policy: OneOf(['affinity', 'anti-affinity']),
  createdAt: Time,
});
export type ServerGroup = Static<typeof ServerGroup>;

/** The persisted chart: where it stands, what it knows, and the effects under way. */
export const ChartSnapshot = Exact({
  version: Type.Integer({ minimum: 1 }),
  status: OneOf(['active', 'done']),
  value: Type.Unknown(),
  context: Type.Record(Type.String(), Type.Unknown()),
  children: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
export type ChartSnapshot = Static<typeof ChartSnapshot>;

export const vmStates = [
  'building',
  'active',
  'stopped',
  'paused',
  'suspended',
  'resized',
  'deleted',
  'error',
] as const;
export const powerStates = ['nostate', 'running', 'paused', 'shutdown', 'crashed', 'suspended'] as const;

/**
 * An instance: what was asked for, and its chart. Host, attempts, ports, fault and times of its life are in the chart's
 * context; the states beside it are what the chart's state means in Nova's words.
 */
export const Instance = Exact({
  uuid: Uuid,
  projectId: Id,
  userId: Id,
  reservationId: Id,
  launchIndex: Type.Integer({ minimum: 0 }),
  name: Name,
  hostname: Type.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' }),
  flavor: Flavor,
  imageId: Uuid,
  keyName: Type.Optional(Name),
  publicKey: Type.Optional(Type.String()),
  availabilityZone: Type.Optional(Id),
  hints: Type.Optional(SchedulerHints),
  securityGroups: Type.Array(Name),
  networks: Type.Array(Exact({ networkId: Uuid, mac: Mac, fixedIp: Type.Optional(Ipv4) })),
  metadata: Metadata,
  tags: Type.Array(Type.String({ maxLength: 60 })),
  /** Commands are refused, but for an administrator's. */
  lock: Type.Optional(Exact({ by: OneOf(['owner', 'admin']), reason: Type.Optional(Text) })),
  /** Whether there is an InstancePayload of the same key. */
  hasPayload: Type.Boolean(),
  /** A digest of the request that a client token stands for. */
  requestDigest: Type.Optional(Sha256),
  createdAt: Time,
  updatedAt: Time,
  /** The control plane while it is being placed, then its host. */
  owner: Type.Union([Type.Literal('control'), Exact({ host: Type.String() })]),
  vmState: OneOf(vmStates),
  taskState: Type.Optional(Type.String()),
  powerState: OneOf(powerStates),
  chart: ChartSnapshot,
});
export type Instance = Static<typeof Instance>;

export const Host = Exact({
  name: Type.String({ minLength: 1, maxLength: 255 }),
  /** Of the process that runs the host; it holds the record as its lease. */
  incarnation: Uuid,
  availabilityZone: Id,
  hypervisor: Exact({
    type: Type.String(),
    version: Type.Integer(),
    virtType: OneOf(['kvm', 'qemu', 'simulated']),
    architectures: Type.Array(Type.String()),
  }),
  capacity: Exact({
    vcpus: Type.Integer({ minimum: 0 }),
    memoryMb: Type.Integer({ minimum: 0 }),
    diskGb: Type.Integer({ minimum: 0 }),
  }),
  /** How often the same vCPU, MiB or GiB may be given out. */
  allocationRatio: Exact({ vcpus: Type.Number(), memoryMb: Type.Number(), diskGb: Type.Number() }),
  service: OneOf(['enabled', 'disabled', 'draining']),
  disabledReason: Type.Optional(Text),
  hypervisorState: OneOf(['connecting', 'reconciling', 'up', 'away', 'stopped']),
  startedAt: Time,
  heartbeatAt: Time,
  chart: ChartSnapshot,
});
export type Host = Static<typeof Host>;

/** A group of hosts. Nova's host aggregate. */
export const Aggregate = Exact({
  id: Uuid,
  name: Name,
  /** The zone that its hosts are in, instead of their own. */
  availabilityZone: Type.Optional(Id),
  hosts: Type.Array(Type.String({ minLength: 1, maxLength: 255 })),
  metadata: Metadata,
  createdAt: Time,
  updatedAt: Time,
});
export type Aggregate = Static<typeof Aggregate>;

export const Network = Exact({
  id: Uuid,
  name: Name,
  projectId: Type.Optional(Id),
  type: OneOf(['flat', 'vlan', 'gre', 'vxlan']),
  bridge: Type.String({ pattern: '^[a-zA-Z0-9_.-]{1,15}$' }),
  mtu: Type.Integer({ minimum: 576, maximum: 65535 }),
  createdAt: Time,
});
export type Network = Static<typeof Network>;

export const Subnet = Exact({
  id: Uuid,
  networkId: Uuid,
  cidr: Type.String(),
  gateway: Type.Optional(Ipv4),
  dnsServers: Type.Array(Ipv4),
  allocation: Exact({ first: Ipv4, last: Ipv4 }),
  createdAt: Time,
});
export type Subnet = Static<typeof Subnet>;

export const Port = Exact({
  id: Uuid,
  networkId: Uuid,
  projectId: Id,
  instanceUuid: Uuid,
  host: Type.String(),
  mac: Mac,
  fixedIps: Type.Array(Exact({ subnetId: Uuid, address: Ipv4 })),
  securityGroups: Type.Array(Name),
  createdAt: Time,
});
export type Port = Static<typeof Port>;

/** That an address is taken: the key is `<subnet>.<address>`, and creating it is what makes it unique. */
export const AddressLease = Exact({ portId: Uuid, instanceUuid: Uuid, leasedAt: Time });
export type AddressLease = Static<typeof AddressLease>;

/** What one rule allows; what it does not say is any. */
export const SecurityGroupRule = Exact({
  id: Uuid,
  direction: OneOf(['ingress', 'egress']),
  protocol: Type.Optional(OneOf(['tcp', 'udp', 'icmp'])),
  /** Of icmp: the type. */
  fromPort: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535 })),
  /** Of icmp: the code. */
  toPort: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535 })),
  cidr: Type.Optional(Type.String({ maxLength: 43 })),
  /** The name of a group of the project: its members. */
  group: Type.Optional(Name),
});
export type SecurityGroupRule = Static<typeof SecurityGroupRule>;

export const SecurityGroup = Exact({
  id: Uuid,
  name: Name,
  projectId: Id,
  description: Text,
  rules: Type.Array(SecurityGroupRule, { maxItems: 200 }),
  createdAt: Time,
});
export type SecurityGroup = Static<typeof SecurityGroup>;

export const Project = Exact({ id: Id, name: Name, isEnabled: Type.Boolean(), createdAt: Time });
export type Project = Static<typeof Project>;

/** May do everything, everywhere; may change what is the project's; may look at it. */
export const roleNames = ['admin', 'member', 'reader'] as const;
export type RoleName = (typeof roleNames)[number];

export const User = Exact({
  id: Id,
  name: Name,
  isEnabled: Type.Boolean(),
  /** Project id → roles there. */
  roles: Type.Record(Type.String(), Type.Array(OneOf(roleNames))),
  createdAt: Time,
});
export type User = Static<typeof User>;

/** The key is the lower-case hex SHA-256 of the secret, which is stored nowhere. */
export const Token = Exact({
  userId: Id,
  projectId: Id,
  description: Type.Optional(Text),
  expiresAt: Type.Optional(Time),
  createdAt: Time,
});
export type Token = Static<typeof Token>;

/**
 * Admissions of a project: the one record that all controllers compare-and-set before they create instances, so that
 * quota and hostnames are decided by one at a time. Use itself is counted from the instances' own records, so
 * nothing has to be given back; `pending` are the admitted whose records are not yet seen.
 */
export const Admission = Exact({
  /** The revision of the instance bucket that whoever admits must have seen. */
  seen: Type.Integer({ minimum: 0 }),
  pending: Type.Record(
    Type.String(),
    Exact({ hostname: Type.String(), vcpus: Type.Integer(), memoryMb: Type.Integer(), expiresAt: Time }),
  ),
});
export type Admission = Static<typeof Admission>;

const Limit = Type.Integer({ minimum: -1, maximum: 2 ** 31 - 1, description: '-1: none' });

export const Quota = Exact({
  instances: Limit,
  vcpus: Limit,
  memoryMb: Limit,
  /** Of each user in the project. */
  keyPairs: Limit,
  serverGroups: Limit,
  securityGroups: Limit,
});
export type Quota = Static<typeof Quota>;

/** A counter that hands out blocks: the key names what is counted. */
export const Counter = Exact({ next: Type.Integer({ minimum: 0 }) });

export const buckets = {
  instance: defineBucket('cloud_instance', Instance, { history: 16 }),
  payload: defineBucket('cloud_instance_payload', InstancePayload),
  flavor: defineBucket('cloud_flavor', Flavor),
  image: defineBucket('cloud_image', Image),
  keyPair: defineBucket('cloud_key_pair', KeyPair),
  host: defineBucket('cloud_host', Host),
  aggregate: defineBucket('cloud_aggregate', Aggregate),
  network: defineBucket('cloud_network', Network),
  subnet: defineBucket('cloud_subnet', Subnet),
  port: defineBucket('cloud_port', Port),
  address: defineBucket('cloud_address', AddressLease),
  serverGroup: defineBucket('cloud_server_group', ServerGroup),
  securityGroup: defineBucket('cloud_security_group', SecurityGroup),
  project: defineBucket('cloud_project', Project),
  user: defineBucket('cloud_user', User),
  token: defineBucket('cloud_token', Token),
  admission: defineBucket('cloud_admission', Admission),
  quota: defineBucket('cloud_quota', Quota),
  counter: defineBucket('cloud_counter', Counter),
} as const;

export type Buckets = typeof buckets;
