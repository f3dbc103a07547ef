/**
 * An instance: what was asked for, and its chart. Host, attempts, ports, fault and times of its life are in the chart's
 * context; the states beside it are what the chart's state means in Nova's words.
 */
import Type, { type Static } from 'typebox';
import { Exact, Id, Ipv4, Mac, Metadata, Name, OneOf, Sha256, Text, Time, Uuid } from '../common.ts';
import { ChartSnapshot } from './chart-snapshot.ts';
import { Flavor } from './flavor.ts';
import { PayloadKey } from './instance-payload.ts';
import { SchedulerHints } from './server-group.ts';

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

/** Every chart knows it, and every part goes by it. The rest is left to the chart. */
const InstanceContext = Type.Object({
  uuid: Uuid,
  maxAttempts: Type.Integer({ minimum: 1 }),
  attempt: Type.Integer({ minimum: 1 }),
  tried: Type.Array(Type.Object({ host: Type.String() })),
  ports: Type.Array(Type.Object({ id: Uuid, networkId: Uuid, mac: Mac, addresses: Type.Array(Ipv4) })),
  isDeleteWanted: Type.Boolean(),
});

/** Where its life stands, which its owner says: what a client asked for at first is the rest of the record. */
export const InstanceLife = Exact({
  uuid: Uuid,
  flavor: Flavor,
  imageId: Uuid,
  /** The key of the InstancePayload that is in force; absent: there is none. */
  payload: Type.Optional(PayloadKey),
  /** The control plane while it is being placed, then its host. */
  owner: Type.Union([Type.Literal('control'), Exact({ host: Type.String() })]),
  /** How often a step of its life was stored: by its owners, not by who edits what is the client's. Absent: never counted. */
  steps: Type.Optional(Type.Integer({ minimum: 0 })),
  /** The id of the command that was taken last; one that is passed on says which it comes after. Absent: none was taken. */
  lastCommand: Type.Optional(Uuid),
  vmState: OneOf(vmStates),
  taskState: Type.Optional(Type.String()),
  powerState: OneOf(powerStates),
  chart: Exact({ ...ChartSnapshot.properties, context: Type.Unsafe<ChartSnapshot['context']>(InstanceContext) }),
  updatedAt: Time,
});
export type InstanceLife = Static<typeof InstanceLife>;

export const Instance = Exact({
  ...InstanceLife.properties,
  projectId: Id,
  userId: Id,
  reservationId: Id,
  launchIndex: Type.Integer({ minimum: 0 }),
  name: Name,
  hostname: Type.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' }),
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
  /** A digest of the request that a client token stands for. */
  requestDigest: Type.Optional(Sha256),
  /** That its deletion was accepted by somebody who could not tell whether its host has heard. */
  isDeletionAsked: Type.Optional(Type.Boolean()),
  createdAt: Time,
});
export type Instance = Static<typeof Instance>;
