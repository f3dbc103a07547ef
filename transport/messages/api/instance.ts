/** Requests about instances. */
import Type, { type Static } from 'typebox';
import {
  allows,
  Base64,
  Described,
  Exact,
  FailureSchema,
  Id,
  Ipv4,
  Mac,
  Metadata,
  MetadataChanges,
  Name,
  OneOf,
  Text,
  Timestamp,
  Uuid,
} from '../common.ts';
import { ConsoleKind, ConsoleToken } from '../console.ts';
import { Flavor, powerStates, type SchedulerHints, vmStates } from '../records.ts';
import { Of, read, write } from './endpoint.ts';
import {
  FlavorRef,
  HostName,
  ImageRef,
  InstanceUuid,
  KeyPairName,
  markedBy,
  NetworkRef,
  NewDisk,
  paging,
  SecurityGroupName,
  ZoneName,
} from './fields.ts';

const maxInstancesAtOnce = 100;

const Tags = Type.Array(
  Type.String({
    minLength: 1,
    maxLength: 60,
    pattern: '^[^/,]+$',
    ...allows('any text without slash and comma'),
    description: 'without slash and comma',
  }),
  { maxItems: 50 },
);
const AdminPassword = Type.String({
  minLength: 1,
  maxLength: 128,
  writeOnly: true,
  description: 'of the guest’s administrator; secret',
});
const UserData = Base64(65_536, 'what cloud-init in the guest is to do; secret', { writeOnly: true });
const Files = Type.Array(
  Exact({
    path: Type.String({
      minLength: 1,
      maxLength: 255,
      pattern: '^/[^\\u0000]*$',
      ...allows('an absolute path'),
      description: 'absolute, in the guest',
    }),
    contents: Base64(14_336, 'what is in the file'),
  }),
  { maxItems: 5, writeOnly: true, description: 'to be put into the guest; secret' },
);

const instancesOf = (description: string) => Type.Optional(Type.Array(InstanceUuid, { maxItems: 64, description }));
const Hints: typeof SchedulerHints = Exact(
  {
    group: Type.Optional(
      Of('server-group.list', '/serverGroups/*/id', Described(Uuid, 'the id of a server group to join')),
    ),
    sameHost: instancesOf('on a host of any of these instances'),
    differentHost: instancesOf('on no host of these instances'),
  },
  { title: 'SchedulerHints', description: 'where it wants to be, in relation to others' },
);

export const CreateInstance = Exact({
  name: Name,
  flavor: FlavorRef,
  image: ImageRef,
  keyName: Type.Optional(Described(KeyPairName, 'a key pair of the user, for the guest’s login')),
  availabilityZone: Type.Optional(Described(ZoneName, 'the zone to be in; absent: any')),
  networks: Type.Optional(
    Type.Array(
      Exact({
        network: NetworkRef,
        fixedIp: Type.Optional(Described(Ipv4, 'an IPv4 address of the network; absent: a free one')),
      }),
      { minItems: 1, maxItems: 8, description: 'a port in each; absent: in the only one that there is' },
    ),
  ),
  securityGroups: Type.Optional(
    Type.Array(SecurityGroupName, { minItems: 1, maxItems: 16, description: 'absent: the group `default`' }),
  ),
  metadata: Type.Optional(Metadata),
  tags: Type.Optional(Tags),
  userData: Type.Optional(UserData),
  files: Type.Optional(Files),
  adminPassword: Type.Optional(AdminPassword),
  minCount: Type.Optional(
    Type.Integer({ minimum: 1, maximum: maxInstancesAtOnce, description: 'fewer are refused; absent: 1' }),
  ),
  maxCount: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: maxInstancesAtOnce,
      description: 'as many as the quota allows, up to this; absent: as minCount',
    }),
  ),
  clientToken: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 128,
      description: 'the same token again is answered with the same instances',
    }),
  ),
  hints: Type.Optional(Hints),
});
export type CreateInstance = Static<typeof CreateInstance>;

const Fault = Type.Object(
  {
    ...FailureSchema.properties,
    step: Type.String({ description: 'that failed: networking' }),
    at: Timestamp,
  },
  { title: 'Fault', description: 'what went wrong' },
);

export const InstanceView = Exact(
  {
    uuid: Uuid,
    name: Type.String(),
    hostname: Type.String({ description: 'what the guest is called, from its name; unique in the project' }),
    projectId: Id,
    userId: Described(Id, 'who launched it'),
    reservationId: Described(Id, 'of the request that launched it: those launched together share it'),
    launchIndex: Type.Integer({ description: 'counts those that were launched together, from 0' }),
    state: Type.String({ description: 'the state of the instance chart, dotted: spawning.creatingDisks' }),
    vmState: Described(OneOf(vmStates), 'Nova’s word for where its life stands'),
    taskState: Type.Optional(Type.String({ description: 'Nova’s word for what is under way: networking' })),
    powerState: Described(OneOf(powerStates), 'of its domain, as the host saw it last'),
    host: Type.Optional(Type.String({ description: 'where it is; absent while it is being placed' })),
    hostStatus: Type.Optional(
      Described(
        OneOf(['up', 'unknown', 'down']),
        'of its host; unknown: not heard lately; down: nobody knows what the guest does, and it can only be deleted, or ' +
          'evacuated by an administrator',
      ),
    ),
    availabilityZone: Type.Optional(Described(Id, 'that was asked for')),
    flavor: Flavor,
    previousFlavor: Type.Optional(Described(Flavor, 'what it had before a resize that is not confirmed yet')),
    imageId: Uuid,
    keyName: Type.Optional(Type.String()),
    securityGroups: Type.Array(Type.String(), { description: 'their names' }),
    ports: Type.Array(Exact({ id: Uuid, networkId: Uuid, mac: Mac, addresses: Type.Array(Ipv4) })),
    metadata: Metadata,
    tags: Type.Array(Type.String()),
    lock: Type.Optional(
      Exact(
        {
          by: Described(OneOf(['owner', 'admin']), 'somebody of the project, or an administrator'),
          reason: Type.Optional(Text),
        },
        { description: 'commands are refused' },
      ),
    ),
    attempt: Type.Integer({ description: 'counts the hosts that were tried, from 1' }),
    tried: Type.Array(Exact({ host: Type.String(), fault: Described(Fault, 'why not there') }), {
      description: 'the hosts that did not work out, in order: of its launch, or of its latest evacuation',
    }),
    fault: Type.Optional(Described(Fault, 'what went wrong last')),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    scheduledAt: Type.Optional(Described(Timestamp, 'when a host was found')),
    launchedAt: Type.Optional(Described(Timestamp, 'when it first ran')),
    terminatedAt: Type.Optional(Described(Timestamp, 'when it was gone')),
    commands: Type.Array(Type.String(), {
      description: 'what the instance may be told in its present state; `evacuate` only by an administrator',
    }),
  },
  { title: 'Instance' },
);
export type InstanceView = Static<typeof InstanceView>;

/** One thing that was asked of an instance, and what came of it. Nova's instance action and its events. */
export const InstanceAction = Exact(
  {
    action: Type.String({
      description: 'create, stop, resize, …; observed: nobody asked, the guest or its host did it by itself',
    }),
    requestId: Type.String({ description: 'of the request that asked for it' }),
    userId: Type.Optional(Described(Id, 'who asked')),
    startedAt: Timestamp,
    finishedAt: Type.Optional(Timestamp),
    result: OneOf(['in progress', 'success', 'error']),
    events: Type.Array(
      Exact({
        state: Type.String({ description: 'of the instance chart, dotted' }),
        startedAt: Timestamp,
        finishedAt: Type.Optional(Described(Timestamp, 'absent: the state that it is in, or in which it came to rest')),
        host: Type.Optional(Type.String()),
        failure: Type.Optional(Described(FailureSchema, 'what led into the state')),
      }),
    ),
  },
  { title: 'InstanceAction' },
);
export type InstanceAction = Static<typeof InstanceAction>;

export const instanceSortKeys = ['createdAt', 'updatedAt', 'name', 'vmState', 'host'] as const;

export const ListInstances = Exact({
  name: Type.Optional(Described(Name, 'exactly this name')),
  nameContains: Type.Optional(Described(Name, 'a part of the name, in any case')),
  vmState: Type.Optional(OneOf(vmStates)),
  powerState: Type.Optional(OneOf(powerStates)),
  host: Type.Optional(HostName),
  availabilityZone: Type.Optional(ZoneName),
  flavor: Type.Optional(FlavorRef),
  image: Type.Optional(ImageRef),
  keyName: Type.Optional(KeyPairName),
  address: Type.Optional(Described(Ipv4, 'has this fixed IPv4 address')),
  tags: Type.Optional(Described(Tags, 'has all of these tags')),
  reservationId: Type.Optional(Described(Id, 'launched by one request')),
  userId: Type.Optional(Described(Id, 'launched by this user')),
  isLocked: Type.Optional(Type.Boolean()),
  changedSince: Type.Optional(
    Described(Timestamp, 'changed then or later; deleted ones too, unless isDeleted says otherwise'),
  ),
  projectId: Type.Optional(Described(Id, 'of another project; for administrators')),
  allProjects: Type.Optional(Type.Boolean({ description: 'for administrators' })),
  isDeleted: Type.Optional(Type.Boolean({ description: 'deleted ones instead of live ones' })),
  sortBy: Type.Optional(Described(OneOf(instanceSortKeys), 'absent: createdAt')),
  order: Type.Optional(Described(OneOf(['ascending', 'descending']), 'absent: descending')),
  ...paging,
  marker: markedBy(InstanceUuid),
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
    failures: ['quota_exceeded'],
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
  count: read({
    name: 'instance.count',
    description: 'How many instances of the project there are in each state; those that are deleted do not count.',
    request: Exact({ allProjects: Type.Optional(Type.Boolean({ description: 'for administrators' })) }),
    reply: Exact({
      states: Type.Array(
        Exact({
          state: Type.String({ description: 'of the chart, dotted' }),
          vmState: InstanceView.properties.vmState,
          count: Type.Integer(),
        }),
      ),
    }),
  }),
  update: write({
    name: 'instance.update',
    description: 'Renames an instance, changes its metadata, or replaces its tags: what is not given stays as it is.',
    request: Exact({
      uuid: InstanceUuid,
      name: Type.Optional(Name),
      metadata: Type.Optional(MetadataChanges),
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
    request: Exact({ uuid: InstanceUuid, how: Type.Optional(Described(OneOf(['soft', 'hard']), 'absent: soft')) }),
    reply: Accepted,
  }),
  pause: command('pause', 'Halts a running instance in memory.'),
  unpause: command('unpause', 'Lets a paused instance go on.'),
  suspend: command('suspend', 'Writes a running instance to disk.'),
  resume: command('resume', 'Starts a suspended instance where it was.'),
  lock: write({
    name: 'instance.lock',
    description: 'Refuses commands to an instance until it is unlocked; an administrator’s go through all the same.',
    request: Exact({ uuid: InstanceUuid, reason: Type.Optional(Described(Text, 'for those who find it locked')) }),
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
      image: Type.Optional(Described(ImageRef, 'id or name of an image; absent: the one that it has')),
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
    failures: ['quota_exceeded', 'no_valid_host'],
    request: Exact({ uuid: InstanceUuid, flavor: FlavorRef }),
    reply: Accepted,
  }),
  evacuate: write({
    name: 'instance.evacuate',
    description:
      'Makes an instance whose host is down anew on another host: it keeps its name, ports and addresses, runs again if ' +
      'it ran, and stays off if it was off. When its host shares its disks with others (`sharedDisks` of `host.get`), ' +
      'it goes to one of these and keeps its disk, with all that was written to it; else, and with `newDisk`, the disk ' +
      'is made anew from its image, and what was written to it is lost. Make sure that the lost host is off, or ' +
      'cut off from the storage: two guests must never write to one disk. ' +
      'Without a host that will do it stays where it is, with a fault that says why. Answered when it is accepted; ' +
      'follow the state.',
    access: 'admin',
    request: Exact({
      uuid: InstanceUuid,
      host: Type.Optional(Described(HostName, 'where it is to go; absent: the scheduler chooses')),
      newDisk: NewDisk,
    }),
    reply: Accepted,
  }),
  confirmResize: command('confirm-resize', 'Keeps a resized instance as it is, and lets go of the earlier disk.'),
  revertResize: command('revert-resize', 'Gives a resized instance its earlier flavor and disk back.'),
  consoleLog: read({
    name: 'instance.console-log',
    description: 'The last of what the guest wrote to its serial console.',
    failures: ['hypervisor_unavailable', 'hypervisor_error', 'domain_lost', 'unavailable', 'timeout'],
    request: Exact({
      uuid: InstanceUuid,
      maxBytes: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 262_144, description: 'the most to answer; absent: 65536' }),
      ),
    }),
    reply: Exact({ output: Type.String({ description: 'what is no UTF-8 is replaced' }) }),
  }),
  openConsole: read({
    name: 'instance.open-console',
    description:
      'Gives a token that opens a console of a running instance on the WebSocket /console of a web server. The first ' +
      'message there is {"token": …}; what follows its answer `ready` are bytes both ways. A guest has one console of a ' +
      'kind: who opens it later has it.',
    access: 'member',
    failures: ['hypervisor_unavailable', 'hypervisor_error', 'unavailable', 'timeout'],
    request: Exact({ uuid: InstanceUuid, kind: ConsoleKind }),
    reply: Exact({
      console: Exact({
        kind: ConsoleKind,
        token: ConsoleToken,
        expiresAt: Described(Timestamp, 'when the token is worth nothing any more'),
      }),
    }),
  }),
  actions: read({
    name: 'instance.actions',
    description: 'What was asked of an instance and what came of it, newest first, as far back as facts are kept.',
    request: OneInstance,
    reply: Exact({ actions: Type.Array(InstanceAction) }),
  }),
};
