/** Requests about instances. */
import Type, { type Static } from 'typebox';
import {
  Base64,
  Exact,
  FailureSchema,
  Id,
  Ipv4,
  Mac,
  Metadata,
  Name,
  OneOf,
  Text,
  Timestamp,
  Uuid,
} from '../common.ts';
import { Flavor, powerStates, SchedulerHints, vmStates } from '../records.ts';
import { read, write } from './endpoint.ts';
import {
  FlavorRef,
  HostName,
  ImageRef,
  InstanceUuid,
  KeyPairName,
  NetworkRef,
  paging,
  SecurityGroupName,
  ZoneName,
} from './fields.ts';

const maxInstancesAtOnce = 100;

const Tags = Type.Array(Type.String({ minLength: 1, maxLength: 60, pattern: '^[^/,]+$' }), { maxItems: 50 });
const AdminPassword = Type.String({ minLength: 1, maxLength: 128 });
const UserData = Base64(65_536);
const Files = Type.Array(
  Exact({
    path: Type.String({ minLength: 1, maxLength: 255, pattern: '^/[^\\u0000]*$' }),
    contents: Base64(14_336),
  }),
  { maxItems: 5 },
);

export const CreateInstance = Exact({
  name: Name,
  flavor: FlavorRef,
  image: ImageRef,
  keyName: Type.Optional(KeyPairName),
  availabilityZone: Type.Optional(ZoneName),
  networks: Type.Optional(
    Type.Array(Exact({ network: NetworkRef, fixedIp: Type.Optional(Ipv4) }), { minItems: 1, maxItems: 8 }),
  ),
  securityGroups: Type.Optional(Type.Array(SecurityGroupName, { minItems: 1, maxItems: 16 })),
  metadata: Type.Optional(Metadata),
  tags: Type.Optional(Tags),
  userData: Type.Optional(UserData),
  files: Type.Optional(Files),
  adminPassword: Type.Optional(AdminPassword),
  minCount: Type.Optional(Type.Integer({ minimum: 1, maximum: maxInstancesAtOnce })),
  maxCount: Type.Optional(Type.Integer({ minimum: 1, maximum: maxInstancesAtOnce })),
  clientToken: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 128,
      description: 'the same token again is answered with the same instances',
    }),
  ),
  hints: Type.Optional(SchedulerHints),
});
export type CreateInstance = Static<typeof CreateInstance>;

export const InstanceView = Exact({
  uuid: Uuid,
  name: Type.String(),
  hostname: Type.String(),
  projectId: Id,
  userId: Id,
  reservationId: Id,
  launchIndex: Type.Integer(),
  state: Type.String({ description: 'the state of the instance chart, dotted: spawning.creatingDisks' }),
  vmState: OneOf(vmStates),
  taskState: Type.Optional(Type.String()),
  powerState: OneOf(powerStates),
  host: Type.Optional(Type.String()),
  availabilityZone: Type.Optional(Id),
  flavor: Flavor,
  previousFlavor: Type.Optional(
    Type.Unsafe<Flavor>({ ...Flavor, description: 'what it had before a resize that is not confirmed yet' }),
  ),
  imageId: Uuid,
  keyName: Type.Optional(Type.String()),
  securityGroups: Type.Array(Type.String()),
  ports: Type.Array(Exact({ id: Uuid, networkId: Uuid, mac: Mac, addresses: Type.Array(Ipv4) })),
  metadata: Metadata,
  tags: Type.Array(Type.String()),
  lock: Type.Optional(Exact({ by: OneOf(['owner', 'admin']), reason: Type.Optional(Text) })),
  attempt: Type.Integer({ description: 'counts the hosts that were tried, from 1' }),
  fault: Type.Optional(Type.Object({ ...FailureSchema.properties, step: Type.String(), at: Timestamp })),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  scheduledAt: Type.Optional(Timestamp),
  launchedAt: Type.Optional(Timestamp),
  terminatedAt: Type.Optional(Timestamp),
  commands: Type.Array(Type.String(), { description: 'what the instance may be told in its present state' }),
});
export type InstanceView = Static<typeof InstanceView>;

/** One thing that was asked of an instance, and what came of it. Nova's instance action and its events. */
export const InstanceAction = Exact({
  action: Type.String({ description: 'create, stop, resize, …' }),
  requestId: Type.String(),
  userId: Type.Optional(Id),
  startedAt: Timestamp,
  finishedAt: Type.Optional(Timestamp),
  result: OneOf(['in progress', 'success', 'error']),
  events: Type.Array(
    Exact({
      state: Type.String({ description: 'of the instance chart' }),
      startedAt: Timestamp,
      finishedAt: Type.Optional(Timestamp),
      host: Type.Optional(Type.String()),
      failure: Type.Optional(FailureSchema),
    }),
  ),
});
export type InstanceAction = Static<typeof InstanceAction>;

export const instanceSortKeys = ['createdAt', 'updatedAt', 'name', 'vmState', 'host'] as const;

export const ListInstances = Exact({
  name: Type.Optional(Type.Unsafe<string>({ ...Name, description: 'exactly this name' })),
  nameContains: Type.Optional(Type.Unsafe<string>({ ...Name, description: 'a part of the name, in any case' })),
  vmState: Type.Optional(OneOf(vmStates)),
  powerState: Type.Optional(OneOf(powerStates)),
  host: Type.Optional(HostName),
  availabilityZone: Type.Optional(ZoneName),
  flavor: Type.Optional(FlavorRef),
  image: Type.Optional(ImageRef),
  keyName: Type.Optional(KeyPairName),
  address: Type.Optional(Type.Unsafe<string>({ ...Ipv4, description: 'has this fixed IP' })),
  tags: Type.Optional(Type.Unsafe<string[]>({ ...Tags, description: 'has all of these tags' })),
  reservationId: Type.Optional(Id),
  userId: Type.Optional(Id),
  isLocked: Type.Optional(Type.Boolean()),
  changedSince: Type.Optional(Timestamp),
  projectId: Type.Optional(Type.Unsafe<string>({ ...Id, description: 'of another project; for administrators' })),
  allProjects: Type.Optional(Type.Boolean({ description: 'for administrators' })),
  isDeleted: Type.Optional(Type.Boolean({ description: 'deleted ones instead of live ones' })),
  sortBy: Type.Optional(OneOf(instanceSortKeys)),
  order: Type.Optional(OneOf(['ascending', 'descending'])),
  ...paging,
  marker: Type.Optional(InstanceUuid),
});
export type ListInstances = Static<typeof ListInstances>;

const OneInstance = Exact({ uuid: InstanceUuid });
const Accepted = Exact({ instance: InstanceView });

const command = (verb: string, description: string) =>
  write({
    name: `instance.${verb}`,
    description: `${description} Answered when the command is accepted; follow the state.`,
    request: OneInstance,
    reply: Accepted,
  });

export const instanceEndpoints = {
  create: write({
    name: 'instance.create',
    description: 'Launches instances. Answered when they are accepted; follow their state.',
    request: CreateInstance,
    reply: Exact({ instances: Type.Array(InstanceView) }),
  }),
  get: read({
    name: 'instance.get',
    description: 'One instance, also a deleted one while it is remembered.',
    request: OneInstance,
    reply: Accepted,
  }),
  list: read({
    name: 'instance.list',
    description: 'The instances of the project, newest first unless sorted otherwise.',
    request: ListInstances,
    reply: Exact({ instances: Type.Array(InstanceView) }),
  }),
  update: write({
    name: 'instance.update',
    description: 'Renames an instance, or replaces its metadata or tags: what is not given stays as it is.',
    request: Exact({
      uuid: InstanceUuid,
      name: Type.Optional(Name),
      metadata: Type.Optional(Metadata),
      tags: Type.Optional(Tags),
    }),
    reply: Accepted,
  }),
  delete: command('delete', 'Deletes an instance, whatever its state.'),
  start: command('start', 'Starts a stopped instance.'),
  stop: command('stop', 'Stops a running instance: asks its guest to power off, then pulls the plug.'),
  reboot: write({
    name: 'instance.reboot',
    description: 'Restarts an instance: softly (the default) by asking its guest, hard by switching it off and on.',
    request: Exact({ uuid: InstanceUuid, how: Type.Optional(OneOf(['soft', 'hard'])) }),
    reply: Accepted,
  }),
  pause: command('pause', 'Halts a running instance in memory.'),
  unpause: command('unpause', 'Lets a paused instance go on.'),
  suspend: command('suspend', 'Writes a running instance to disk.'),
  resume: command('resume', 'Starts a suspended instance where it was.'),
  lock: write({
    name: 'instance.lock',
    description: 'Refuses commands to an instance until it is unlocked; an administrator’s go through all the same.',
    request: Exact({ uuid: InstanceUuid, reason: Type.Optional(Text) }),
    reply: Accepted,
  }),
  unlock: write({
    name: 'instance.unlock',
    description: 'Allows commands again. What an administrator has locked only an administrator unlocks.',
    request: OneInstance,
    reply: Accepted,
  }),
  rebuild: write({
    name: 'instance.rebuild',
    description:
      'Makes the disk of an instance anew, from its image or another one; it keeps its name, addresses and host. ' +
      'What is put on it stays as it was, unless it is given anew.',
    request: Exact({
      uuid: InstanceUuid,
      image: Type.Optional(ImageRef),
      adminPassword: Type.Optional(AdminPassword),
      userData: Type.Optional(UserData),
      files: Type.Optional(Files),
    }),
    reply: Accepted,
  }),
  resize: write({
    name: 'instance.resize',
    description:
      'Gives an instance another flavor, on its host: it is stopped, changed, and started again when it ran. ' +
      'The earlier disk is kept until the resize is confirmed or reverted.',
    request: Exact({ uuid: InstanceUuid, flavor: FlavorRef }),
    reply: Accepted,
  }),
  confirmResize: command('confirm-resize', 'Keeps a resized instance as it is, and lets go of the earlier disk.'),
  revertResize: command('revert-resize', 'Gives a resized instance its earlier flavor and disk back.'),
  consoleLog: read({
    name: 'instance.console-log',
    description: 'The last of what the guest wrote to its serial console.',
    request: Exact({
      uuid: InstanceUuid,
      maxBytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 262_144 })),
    }),
    reply: Exact({ output: Type.String() }),
  }),
  actions: read({
    name: 'instance.actions',
    description: 'What was asked of an instance and what came of it, newest first, as far back as facts are kept.',
    request: OneInstance,
    reply: Exact({ actions: Type.Array(InstanceAction) }),
  }),
};
