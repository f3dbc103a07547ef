/** The messages between the parts. Subjects: `transport/nats/subjects.ts`. */
import Type from 'typebox';
import { defineCall } from '../nats/call.ts';
import { defineCast } from '../nats/cast.ts';
import { defineFact } from '../nats/fact.ts';
import { CreateInstance, CreateKeyPair, DeleteKeyPair } from './api.ts';
import { Exact, FailureSchema, Id, Ipv4, Mac, OneOf, Revision, Time, Uuid } from './common.ts';
import { Instance, KeyPair } from './records.ts';

const StoredInstance = Exact({ record: Instance, revision: Revision });

/** A client's command to an instance, as the chart hears it. */
export const InstanceCommand = Type.Union([
  Exact({
    type: OneOf([
      'instance.start',
      'instance.stop',
      'instance.pause',
      'instance.unpause',
      'instance.suspend',
      'instance.resume',
      'instance.delete',
    ]),
    at: Time,
  }),
  Exact({ type: Type.Literal('instance.reboot'), how: OneOf(['soft', 'hard']), at: Time }),
]);
export type InstanceCommand = Type.Static<typeof InstanceCommand>;

/** API server → cloud controller. */
export const controllerCalls = {
  /** Not idempotent without a client token: a timeout is not retried. */
  createInstance: defineCall('create_instance', CreateInstance, Exact({ instances: Type.Array(StoredInstance) })),
  /** `revision`: where the record reflects the command; absent when its host has yet to hear of it. */
  commandInstance: defineCall(
    'command_instance',
    Exact({ uuid: Uuid, command: InstanceCommand }),
    Exact({ revision: Type.Optional(Revision) }),
  ),
  createKeyPair: defineCall(
    'create_key_pair',
    CreateKeyPair,
    Exact({ keyPair: KeyPair, privateKey: Type.Optional(Type.String()), revision: Revision }),
  ),
  /** `revision`: the one that was deleted. */
  deleteKeyPair: defineCall('delete_key_pair', DeleteKeyPair, Exact({ key: Type.String(), revision: Revision })),
} as const;

/** Compute host → network controller. Idempotent by the instance's uuid. */
export const networkCalls = {
  /** Nova's allocate_for_instance: ports with fixed IPs for each requested network. */
  allocateForInstance: defineCall(
    'allocate_for_instance',
    Exact({
      instanceUuid: Uuid,
      projectId: Id,
      host: Type.String(),
      securityGroups: Type.Array(Type.String()),
      networks: Type.Array(Exact({ networkId: Uuid, mac: Mac, fixedIp: Type.Optional(Ipv4) })),
    }),
    Exact({
      ports: Type.Array(
        Exact({
          id: Uuid,
          networkId: Uuid,
          mac: Mac,
          bridge: Type.String(),
          mtu: Type.Integer(),
          fixedIps: Type.Array(Exact({ address: Ipv4, prefixLength: Type.Integer(), gateway: Type.Optional(Ipv4) })),
          dnsServers: Type.Array(Ipv4),
        }),
      ),
    }),
    { timeoutMs: 20_000 },
  ),
  /** Nova's deallocate_for_instance. */
  releaseForInstance: defineCall('release_for_instance', Exact({ instanceUuid: Uuid }), Exact({}), {
    timeoutMs: 20_000,
  }),
} as const;

/** API server → compute host. */
export const computeCalls = {
  consoleLog: defineCall(
    'console_log',
    Exact({ uuid: Uuid, maxBytes: Type.Integer({ minimum: 1, maximum: 262_144 }) }),
    Exact({ output: Type.String() }),
  ),
} as const;

export const schedulerCasts = {
  /** Cloud controller (or a host that could not launch it) → scheduler. Id: uuid and attempt. */
  runInstance: defineCast('run_instance', StoredInstance),
} as const;

export const computeCasts = {
  /** Scheduler → compute host. Id: uuid and attempt. */
  runInstance: defineCast('run_instance', StoredInstance),
  /** Cloud controller → compute host. Id: one of its own. Gives a receipt. `at` is when it was asked; it is applied as of now. */
  commandInstance: defineCast('command_instance', Exact({ uuid: Uuid, command: InstanceCommand })),
} as const;

export const facts = {
  /** The owner of the instance → anyone: one transition, or one of Nova's usage notifications. */
  instance: defineFact(
    'instance',
    Exact({
      type: Type.String(),
      uuid: Uuid,
      projectId: Id,
      name: Type.String(),
      at: Time,
      /** Chart states, dotted; absent on a notification. */
      from: Type.Optional(Type.String()),
      to: Type.String(),
      event: Type.Optional(Type.String()),
      vmState: Type.String(),
      taskState: Type.Optional(Type.String()),
      attempt: Type.Integer(),
      host: Type.Optional(Type.String()),
      failure: Type.Optional(FailureSchema),
    }),
  ),
  host: defineFact(
    'host',
    Exact({
      type: Type.String(),
      host: Type.String(),
      at: Time,
      to: Type.String(),
      reason: Type.Optional(Type.String()),
    }),
  ),
} as const;
