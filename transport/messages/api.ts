/**
 * What a client may ask of `cloud.api.v1.<resource>.<verb>`, and what it is answered. The public interface: each
 * endpoint's description is part of the reference.
 *
 * A request carries `Authorization: Bearer <token>` as a NATS header; a `traceparent` and `X-Request-Id` are kept.
 */
import Type, { type Static } from 'typebox';
import { type Call, defineCall } from '../nats/call.ts';
import { Base64, Exact, FailureSchema, Id, Ipv4, Mac, Metadata, Name, OneOf, Timestamp, Uuid } from './common.ts';
import { Flavor, Host, Image, powerStates, SchedulerHints, vmStates } from './records.ts';

const maxInstancesAtOnce = 100;

export const CreateInstance = Exact({
  name: Name,
  /** Id or name. */
  flavor: Name,
  /** Id or name. */
  image: Name,
  keyName: Type.Optional(Name),
  availabilityZone: Type.Optional(Id),
  networks: Type.Optional(
    Type.Array(Exact({ network: Name, fixedIp: Type.Optional(Ipv4) }), { minItems: 1, maxItems: 8 }),
  ),
  securityGroups: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: 16 })),
  metadata: Type.Optional(Metadata),
  tags: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 60, pattern: '^[^/,]+$' }), { maxItems: 50 })),
  userData: Type.Optional(Base64(65_536)),
  files: Type.Optional(
    Type.Array(
      Exact({
        path: Type.String({ minLength: 1, maxLength: 255, pattern: '^/[^\\u0000]*$' }),
        contents: Base64(14_336),
      }),
      { maxItems: 5 },
    ),
  ),
  adminPassword: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  minCount: Type.Optional(Type.Integer({ minimum: 1, maximum: maxInstancesAtOnce })),
  maxCount: Type.Optional(Type.Integer({ minimum: 1, maximum: maxInstancesAtOnce })),
  /** The same token again is answered with the same instances. */
  clientToken: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
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
  imageId: Uuid,
  keyName: Type.Optional(Type.String()),
  securityGroups: Type.Array(Type.String()),
  ports: Type.Array(Exact({ id: Uuid, networkId: Uuid, mac: Mac, addresses: Type.Array(Ipv4) })),
  metadata: Metadata,
  tags: Type.Array(Type.String()),
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

export const CreateKeyPair = Exact({
  name: Name,
  /** An OpenSSH public key to import; absent, a pair is made and its private half answered, once. */
  publicKey: Type.Optional(Type.String({ minLength: 1, maxLength: 16_384 })),
});
export type CreateKeyPair = Static<typeof CreateKeyPair>;
export const DeleteKeyPair = Exact({ name: Name });

export const KeyPairView = Exact({
  name: Type.String(),
  fingerprint: Type.String(),
  publicKey: Type.String(),
  createdAt: Timestamp,
});

const HostView = Exact({
  name: Type.String(),
  isAlive: Type.Boolean(),
  availabilityZone: Id,
  hypervisor: Host.properties.hypervisor,
  service: Host.properties.service,
  hypervisorState: Host.properties.hypervisorState,
  capacity: Host.properties.capacity,
  used: Host.properties.capacity,
  instances: Type.Integer(),
  heartbeatAt: Timestamp,
});

const OneInstance = Exact({ uuid: Uuid });
const Accepted = Exact({ instance: InstanceView });
const Nothing = Exact({});

export interface Endpoint<Request, Reply> extends Call<Request, Reply> {
  readonly resource: string;
  readonly verb: string;
  readonly description: string;
  /** Absent: any role in the project will do. */
  readonly role?: 'admin';
}

function endpoint<Q extends Type.TSchema, R extends Type.TSchema>(
  resource: string,
  verb: string,
  description: string,
  request: Q,
  reply: R,
  { role, timeoutMs = 15_000 }: { role?: 'admin'; timeoutMs?: number } = {},
): Endpoint<Static<Q>, Static<R>> {
  return {
    ...defineCall(`${resource}.${verb}`, request, reply, { timeoutMs }),
    resource,
    verb,
    description,
    ...(role && { role }),
  };
}

const command = (verb: string, description: string) =>
  endpoint(
    'instance',
    verb,
    `${description} Answered when the command is accepted; follow the state.`,
    OneInstance,
    Accepted,
  );

export const api = {
  instance: {
    create: endpoint(
      'instance',
      'create',
      'Launches instances. Answered when they are accepted; follow their state.',
      CreateInstance,
      Exact({ instances: Type.Array(InstanceView) }),
    ),
    get: endpoint(
      'instance',
      'get',
      'One instance, also a deleted one while it is remembered.',
      OneInstance,
      Exact({ instance: InstanceView }),
    ),
    list: endpoint(
      'instance',
      'list',
      'The instances of the project, newest first. The page after `marker`; an empty page is the end.',
      Exact({
        name: Type.Optional(Name),
        vmState: Type.Optional(OneOf(vmStates)),
        host: Type.Optional(Name),
        allProjects: Type.Optional(Type.Boolean({ description: 'for administrators' })),
        isDeleted: Type.Optional(Type.Boolean({ description: 'deleted ones instead of live ones' })),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
        marker: Type.Optional(Uuid),
      }),
      Exact({ instances: Type.Array(InstanceView) }),
    ),
    delete: command('delete', 'Deletes an instance, whatever its state.'),
    start: command('start', 'Starts a stopped instance.'),
    stop: command('stop', 'Stops a running instance: asks its guest to power off, then pulls the plug.'),
    reboot: endpoint(
      'instance',
      'reboot',
      'Restarts an instance: softly (the default) by asking its guest, hard by switching it off and on.',
      Exact({ uuid: Uuid, how: Type.Optional(OneOf(['soft', 'hard'])) }),
      Accepted,
    ),
    pause: command('pause', 'Halts a running instance in memory.'),
    unpause: command('unpause', 'Lets a paused instance go on.'),
    suspend: command('suspend', 'Writes a running instance to disk.'),
    resume: command('resume', 'Starts a suspended instance where it was.'),
    consoleLog: endpoint(
      'instance',
      'console-log',
      'The last of what the guest wrote to its serial console.',
      Exact({ uuid: Uuid, maxBytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 262_144 })) }),
      Exact({ output: Type.String() }),
    ),
  },
  keyPair: {
    create: endpoint(
      'key-pair',
      'create',
      'Makes a key pair, or imports a public key.',
      CreateKeyPair,
      Exact({ keyPair: KeyPairView, privateKey: Type.Optional(Type.String()) }),
    ),
    list: endpoint(
      'key-pair',
      'list',
      'The key pairs of the user in the project.',
      Nothing,
      Exact({ keyPairs: Type.Array(KeyPairView) }),
    ),
    delete: endpoint(
      'key-pair',
      'delete',
      'Deletes a key pair; instances keep its public key.',
      DeleteKeyPair,
      Nothing,
    ),
  },
  image: {
    list: endpoint(
      'image',
      'list',
      'The images that the project may launch.',
      Nothing,
      Exact({ images: Type.Array(Image) }),
    ),
  },
  flavor: {
    list: endpoint('flavor', 'list', 'The flavors.', Nothing, Exact({ flavors: Type.Array(Flavor) })),
  },
  host: {
    list: endpoint('host', 'list', 'The compute hosts.', Nothing, Exact({ hosts: Type.Array(HostView) }), {
      role: 'admin',
    }),
  },
} as const;
