/**
 * What is stored: one schema and one bucket for each kind of record, under Nova's names in camel case.
 * Times are epoch milliseconds. Changing a schema is a change of the stored format.
 */
import Type, { type Static } from 'typebox';
import { defineBucket } from '../nats/bucket.ts';
import { CallContext } from '../nats/call-context.ts';
import {
  Base64,
  Described,
  Exact,
  FailureSchema,
  Id,
  Ipv4,
  Mac,
  Metadata,
  maxInteger,
  Name,
  OneOf,
  Sha256,
  Text,
  Time,
  Uuid,
} from './common.ts';

const maxMemoryMb = 64 * 1024 * 1024;
const maxDiskGb = 1024 * 1024;

export const Flavor = Exact(
  {
    id: Id,
    name: Name,
    vcpus: Type.Integer({ minimum: 1, maximum: 1024, description: 'virtual processors' }),
    memoryMb: Type.Integer({ minimum: 1, maximum: maxMemoryMb, description: 'memory in MiB' }),
    rootGb: Type.Integer({
      minimum: 0,
      maximum: maxDiskGb,
      description: 'the root disk in GiB; 0: as large as the image’s own disk',
    }),
    /** Nova's extra specs. */
    extraSpecs: Type.Optional(Described(Metadata, 'what its instances ask of a host')),
  },
  { title: 'Flavor' },
);
export type Flavor = Static<typeof Flavor>;

export const ImageFile = Exact(
  { sha256: Sha256, size: Type.Integer({ minimum: 0, maximum: maxInteger, description: 'in bytes' }) },
  { title: 'ImageFile' },
);
export const imageFileRoles = ['disk', 'kernel', 'ramdisk'] as const;
/** Announced; being put together from its chunks; fit to launch. */
export const imageStatuses = ['queued', 'saving', 'active'] as const;

export const Image = Exact({
  id: Uuid,
  name: Name,
  status: Described(OneOf(imageStatuses), 'announced; being put together from its chunks; fit to launch'),
  diskFormat: Described(OneOf(['qcow2', 'raw', 'none']), 'of the disk; none: only a kernel and a ramdisk'),
  disk: Type.Optional(ImageFile),
  kernel: Type.Optional(ImageFile),
  ramdisk: Type.Optional(ImageFile),
  kernelArguments: Type.Optional(Described(Text, 'the command line of the kernel')),
  minDiskGb: Type.Integer({
    minimum: 0,
    maximum: maxDiskGb,
    description: 'the least root disk of a flavor for it, in GiB',
  }),
  minMemoryMb: Type.Integer({
    minimum: 0,
    maximum: maxMemoryMb,
    description: 'the least memory of a flavor for it, in MiB',
  }),
  /** Nova's image properties. */
  properties: Described(Metadata, 'what a host must offer, for example `architecture`: `x86_64`'),
  /** Whose it is; absent: everybody's. */
  projectId: Type.Optional(Id),
  /** The files that are yet to be uploaded; absent: none. */
  missing: Type.Optional(Type.Array(OneOf(imageFileRoles))),
  /** Nobody finds it any more: it stays while an instance needs it, and until its files are removed. */
  deletion: Type.Optional(OneOf(['asked', 'underway'])),
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

/** The instance's uuid, and, of a payload that came with a rebuild, an id of its own. */
export const PayloadKey = Type.String({ pattern: '^[0-9a-f-]{36}(\\.[0-9a-f-]{36})?$' });

/**
 * What a client asked to be put on its instance. Secret; a record of its own, which the instance's record names, and which
 * is removed when none names it any more.
 */
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
  policy: Described(OneOf(['affinity', 'anti-affinity']), 'all on one host, or each on a host of its own'),
  createdAt: Time,
  /** Instance → where a scheduler has just placed it, in which attempt: all schedulers compare-and-set it. */
  placing: Type.Optional(Type.Record(Type.String(), Exact({ host: Type.String(), attempt: Type.Integer() }))),
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
  /** The key of the InstancePayload that is in force; absent: there is none. */
  payload: Type.Optional(PayloadKey),
  /** A digest of the request that a client token stands for. */
  requestDigest: Type.Optional(Sha256),
  createdAt: Time,
  updatedAt: Time,
  /** The control plane while it is being placed, then its host. */
  owner: Type.Union([Type.Literal('control'), Exact({ host: Type.String() })]),
  /** That its deletion was accepted by somebody who could not tell whether its host has heard. */
  isDeletionAsked: Type.Optional(Type.Boolean()),
  vmState: OneOf(vmStates),
  taskState: Type.Optional(Type.String()),
  powerState: OneOf(powerStates),
  chart: ChartSnapshot,
});
export type Instance = Static<typeof Instance>;

/** What an operator wants of a host, as its chart hears it. */
export const HostCommand = Type.Union([
  Exact({ type: Type.Literal('host.enable'), at: Time }),
  Exact({ type: OneOf(['host.disable', 'host.drain']), reason: Text, at: Time }),
]);
export type HostCommand = Static<typeof HostCommand>;

/** More are told of in facts. */
export const maxUnknownGuests = 100;

export const Host = Exact({
  name: Type.String({ minLength: 1, maxLength: 255 }),
  /** Of the process that runs the host; it holds the record as its lease. */
  incarnation: Uuid,
  availabilityZone: Id,
  hypervisor: Exact({
    type: Type.String({ description: 'as libvirt names it: QEMU' }),
    version: Type.Integer({ description: 'major · 1000000 + minor · 1000 + release' }),
    virtType: Described(OneOf(['kvm', 'qemu', 'simulated']), 'kvm: with the help of the processor; qemu: emulated'),
    architectures: Type.Array(Type.String(), { description: 'that it can run, such as x86_64' }),
  }),
  capacity: Exact(
    {
      vcpus: Type.Integer({ minimum: 0, description: 'processors' }),
      memoryMb: Type.Integer({ minimum: 0, description: 'memory in MiB' }),
      diskGb: Type.Integer({ minimum: 0, description: 'disk in GiB' }),
    },
    { title: 'Capacity' },
  ),
  allocationRatio: Exact(
    { vcpus: Type.Number(), memoryMb: Type.Number(), diskGb: Type.Number() },
    { description: 'how often the same processor, MiB or GiB may be given out' },
  ),
  sharedDisks: Type.Optional(
    Described(Id, 'the storage that has its disks, by a name that all hosts that share it have; absent: its own'),
  ),
  service: Described(
    OneOf(['enabled', 'disabled', 'draining']),
    'whether new instances come to it; draining: no, and those there are to leave',
  ),
  disabledReason: Type.Optional(Described(Text, 'why no new instances come to it')),
  hypervisorState: Described(
    OneOf(['connecting', 'reconciling', 'up', 'away', 'stopped']),
    'how its worker stands with the hypervisor; only `up` takes commands',
  ),
  hypervisorReason: Type.Optional(Type.String({ description: 'why the hypervisor cannot be used' })),
  unknownGuests: Type.Optional(
    Type.Array(Uuid, {
      maxItems: maxUnknownGuests,
      description: `guests that it has made and of which there is no record, up to ${maxUnknownGuests}`,
    }),
  ),
  /** Of the machine, when guests and records were compared last. */
  bootId: Type.Optional(Type.String()),
  startedAt: Time,
  heartbeatAt: Time,
  chart: ChartSnapshot,
  /** What a controller has put into the record because nobody ran the host: whoever does takes it over, and away. */
  commandedMeanwhile: Type.Optional(HostCommand),
  /**
   * That it was declared down, which a controller has put into the record because nobody was heard: its instances may be
   * another's since then. Whoever runs the host takes it away when it has reconciled them.
   */
  down: Type.Optional(Exact({ since: Time })),
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
  type: Described(OneOf(['flat', 'vlan', 'gre', 'vxlan']), 'how its segments are kept apart'),
  bridge: Type.String({ pattern: '^[a-zA-Z0-9_.-]{1,15}$', description: 'the bridge on each host' }),
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

const PortNumber = (description: string) => Type.Optional(Type.Integer({ minimum: 0, maximum: 65535, description }));

export const SecurityGroupRule = Exact(
  {
    id: Uuid,
    direction: Described(OneOf(['ingress', 'egress']), 'into the instance, or out of it'),
    protocol: Type.Optional(OneOf(['tcp', 'udp', 'icmp'])),
    fromPort: PortNumber('the first port; of icmp: the type'),
    toPort: PortNumber('the last port; of icmp: the code'),
    cidr: Type.Optional(
      Type.String({ maxLength: 43, description: 'the other side: a block of addresses, such as 10.0.0.0/8' }),
    ),
    group: Type.Optional(Described(Name, 'the other side: the members of this group of the project')),
  },
  { title: 'SecurityGroupRule', description: 'what it allows; what it does not say is any' },
);
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
 * nothing has to be given back; `pending` are the admitted whose records do not show it yet: new instances by uuid,
 * and instances that are to grow by uuid and flavor.
 */
export const Admission = Exact({
  /** The revision of the instance bucket that whoever admits must have seen. */
  seen: Type.Integer({ minimum: 0 }),
  /** The revision of the project bucket that whoever admits must have seen: one that is to go admits nothing. */
  projectSeen: Type.Optional(Type.Integer({ minimum: 0 })),
  pending: Type.Record(
    Type.String(),
    Exact({
      /** Of a new instance. */
      hostname: Type.Optional(Type.String()),
      /** Of one that is to grow: what it grows to. */
      flavorId: Type.Optional(Id),
      vcpus: Type.Integer(),
      memoryMb: Type.Integer(),
      /** Tells it from an earlier one of the same; how old it is, each controller judges by itself. */
      admittedAt: Time,
    }),
  ),
});
export type Admission = Static<typeof Admission>;

const Limit = (what: string) =>
  Type.Integer({ minimum: -1, maximum: 2 ** 31 - 1, description: `the most ${what}; -1: any number` });

export const Quota = Exact({
  instances: Limit('instances'),
  vcpus: Limit('virtual processors of all instances'),
  memoryMb: Limit('memory of all instances, in MiB'),
  keyPairs: Limit('key pairs of each user in the project'),
  serverGroups: Limit('server groups'),
  securityGroups: Limit('security groups'),
});
export type Quota = Static<typeof Quota>;

/** A counter that hands out blocks: the key names what is counted. */
export const Counter = Exact({ next: Type.Integer({ minimum: 0 }) });

/** How much of a message that is no JSON is kept, in bytes. */
export const maxDeadBytes = 512 * 1024;

/** A cast that could not be applied, as it came. The key is when the work queue took it, and its place there. */
export const DeadLetter = Exact({
  subject: Type.String(),
  /** By which the work queue knew it. */
  messageId: Type.Optional(Type.String()),
  context: CallContext,
  /** What it said. */
  body: Type.Optional(Type.Unknown()),
  /** Instead, of what is no JSON or too long to be a message of ours. */
  bytes: Type.Optional(Base64(Math.ceil(maxDeadBytes / 3) * 4, 'its bytes, or the first of them')),
  isCut: Type.Optional(Type.Boolean()),
  /** The durable consumer that it was for. */
  consumer: Type.String(),
  /** How often it was delivered. */
  deliveries: Type.Integer({ minimum: 1 }),
  /** What was wrong the last time. */
  failure: FailureSchema,
  takenAt: Time,
  failedAt: Time,
});
export type DeadLetter = Static<typeof DeadLetter>;

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
  deadLetter: defineBucket('cloud_dead_letter', DeadLetter),
} as const;

export type Buckets = typeof buckets;
