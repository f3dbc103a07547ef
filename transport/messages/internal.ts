/** The messages between the parts. Subjects: `transport/nats/subjects.ts`. */
import Type from 'typebox';
import { Described, Exact, FailureSchema, Id, Ipv4, Mac, OneOf, Revision, Time, Uuid } from './common.ts';
import { ConsoleKind, ConsoleToken } from './console.ts';
import { defineCall, defineCast, defineFact } from './kinds.ts';
import {
  Attempt,
  DeadLetterKey,
  Flavor,
  HostCommand,
  Instance,
  InstanceLife,
  InstancePayload,
  PayloadKey,
} from './records.ts';

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
      'instance.confirm-resize',
      'instance.revert-resize',
      'instance.delete',
    ]),
    at: Time,
  }),
  Exact({ type: Type.Literal('instance.reboot'), how: OneOf(['soft', 'hard']), at: Time }),
  Exact({
    type: Type.Literal('instance.rebuild'),
    imageId: Uuid,
    /** Absent: what is to be put on the instance stays as it is. */
    payload: Type.Optional(PayloadKey),
    at: Time,
  }),
  Exact({ type: Type.Literal('instance.resize'), flavor: Flavor, at: Time }),
]);
export type InstanceCommand = Type.Static<typeof InstanceCommand>;

const InstanceAttempt = Exact({ instanceUuid: Uuid, attempt: Attempt });

/**
 * Compute host, on a subject of its own, or cloud controller → network controller. Idempotent by the instance's uuid, and
 * fenced by its attempt: what an earlier attempt asks late changes nothing of a later one's.
 */
export const networkCalls = {
  /** Nova's allocate_for_instance: ports with fixed IPs for each network of the instance's record. */
  allocateForInstance: defineCall(
    'allocate_for_instance',
    InstanceAttempt,
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
  releaseForInstance: defineCall('release_for_instance', InstanceAttempt, Exact({}), { timeoutMs: 20_000 }),
} as const;

export const computeCalls = {
  /** Cloud controller → compute host. `revision`: of the host's record that shows the command. */
  commandHost: defineCall('command_host', Exact({ command: HostCommand }), Exact({ revision: Revision })),
  /** API server → compute host. */
  consoleLog: defineCall(
    'console_log',
    Exact({ uuid: Uuid, maxBytes: Type.Integer({ minimum: 1, maximum: 262_144 }) }),
    Exact({ output: Type.String() }),
  ),
  /** API server → compute host. The token is shown once, with `attachConsole`. */
  openConsole: defineCall(
    'open_console',
    Exact({ uuid: Uuid, kind: ConsoleKind }),
    Exact({ token: ConsoleToken, expiresAt: Time }),
  ),
  /**
   * Web server → compute host. From then on frames (`transport/console/frame.ts`) go to the inbox, and to the host by the
   * link's id. Nothing is sent before both ends were heard.
   */
  attachConsole: defineCall(
    'attach_console',
    Exact({ token: ConsoleToken, inbox: Type.String({ maxLength: 512 }) }),
    Exact({ linkId: Uuid, kind: ConsoleKind }),
  ),
} as const;

export const schedulerCasts = {
  /** Cloud controller (or a host that could not launch it) → scheduler. Id: uuid and attempt. */
  runInstance: defineCast('run_instance', StoredInstance),
} as const;

export const computeCasts = {
  /** Scheduler → compute host. Id: uuid and attempt. */
  runInstance: defineCast('run_instance', StoredInstance),
  /**
   * Cloud controller → compute host. Gives a receipt. Taken once, by its `id`, and only in the state `from`, while the
   * record has the same `steps`, and the command that was taken last is `after` (absent: none was): what comes too late, or
   * again, changes nothing. Without `from` or `steps`, as it may have waited since such casts had none, it comes too late. A deletion is right whenever it comes. `at` is when it was asked; it is applied as of
   * now.
   */
  commandInstance: defineCast(
    'command_instance',
    Exact({
      uuid: Uuid,
      id: Uuid,
      from: Type.Optional(Type.String({ maxLength: 128 })),
      steps: Type.Optional(Type.Integer({ minimum: 0 })),
      after: Type.Optional(Uuid),
      command: InstanceCommand,
    }),
  ),
  /** Cloud controller → the compute host whose instance it is, and that does not go on with it. What it has it has. */
  takeUpInstance: defineCast('take_up_instance', Exact({ uuid: Uuid })),
  /** Cloud controller → a compute host that was down, and that the instance was taken from. Id: uuid, attempt and host. */
  forgetInstance: defineCast('forget_instance', Exact({ uuid: Uuid })),
} as const;

export const InstanceFact = Exact(
  {
    type: Type.String({
      description: 'transition, command, or one of Nova’s usage notifications, such as compute.instance.create.end',
    }),
    uuid: Described(Uuid, 'the instance'),
    projectId: Id,
    name: Type.String({ description: 'of the instance' }),
    at: Time,
    from: Type.Optional(Type.String({ description: 'of a transition: the state of the chart that was left, dotted' })),
    to: Type.String({ description: 'the state of the chart, dotted' }),
    command: Type.Optional(Type.String({ description: 'of a command: what was asked, as `stop`' })),
    vmState: Type.String({ description: 'Nova’s word for the state: active' }),
    taskState: Type.Optional(Type.String({ description: 'Nova’s word for what is under way: spawning' })),
    attempt: Type.Integer({ description: 'counts the hosts that were tried, from 1' }),
    host: Type.Optional(Type.String()),
    failure: Type.Optional(FailureSchema),
    reason: Type.Optional(Type.String({ description: 'why, of what nobody asked for: `the guest crashed`' })),
    requestId: Type.String({ description: 'of the request that led to it' }),
    userId: Type.Optional(Described(Id, 'who asked')),
  },
  { title: 'InstanceFact' },
);
export type InstanceFact = Type.Static<typeof InstanceFact>;

export const HostFact = Exact(
  {
    type: Type.String({
      description:
        'transition or command; down: it was not heard for too long; up: it is back, and has cleaned up; ' +
        'guest.unknown (a guest of which there is no record), or guest.destroyed (a copy that must not be)',
    }),
    host: Type.String(),
    at: Time,
    to: Type.String({
      description: 'how it stands with its hypervisor, and whether it takes instances: `up enabled`',
    }),
    command: Type.Optional(Type.String({ description: 'of a command: what was asked, as `disable`' })),
    uuid: Type.Optional(Described(Uuid, 'the guest')),
    reason: Type.Optional(Type.String({ description: 'what went wrong, or the operator’s reason' })),
  },
  { title: 'HostFact' },
);
export type HostFact = Type.Static<typeof HostFact>;

export const alarmKinds = ['dead-letter', 'store-full', 'address-lost', 'record-unreadable'] as const;

export const AlarmFact = Exact(
  {
    kind: Described(
      OneOf(alarmKinds),
      'dead-letter: a message between parts could not be applied; store-full: no launches are taken any more; ' +
        'address-lost: the store had lost who has an address, and two instances have it now; ' +
        'record-unreadable: a record that something depends on is damaged, or of a later release',
    ),
    at: Time,
    message: Type.String({ description: 'one sentence for an operator' }),
    deadLetter: Type.Optional(Described(DeadLetterKey, 'what `dead-letter.get` knows it by')),
  },
  { title: 'AlarmFact' },
);
export type AlarmFact = Type.Static<typeof AlarmFact>;

export const facts = {
  /** The owner of the instance → anyone: one transition, one accepted command, or one of Nova's usage notifications. */
  instance: defineFact('instance', InstanceFact),
  host: defineFact('host', HostFact),
  /** Any part → operators. */
  alarm: defineFact('alarm', AlarmFact),
} as const;

/** One that is told again has the same id, among those of its instance, and is kept once, if that is soon. */
export const ToldFact = Exact({ id: Type.String({ pattern: '^[\\w.-]{1,64}$' }), fact: InstanceFact });
export type ToldFact = Type.Static<typeof ToldFact>;

/** How long a host waits until it asks again, which is of another controller, by chance: one that stands still is asked, too (ms). */
const controllerIsStillMs = 1_000;

/** Compute host → cloud controller, on a subject of the host's own. */
export const controllerCalls = {
  /** What a client asked to be put on an instance of that host; nothing, when it is gone. Secret. */
  findPayload: defineCall(
    'find_payload',
    Exact({ payload: PayloadKey }),
    Exact({ payload: Type.Optional(InstancePayload) }),
    { askAgainMs: controllerIsStillMs },
  ),
  /**
   * Stores how the life of an instance of that host has gone on since `revision`, and tells what has happened. The new
   * revision; absent: the instance is no longer at the one that was given, or no longer that host's.
   */
  storeInstance: defineCall(
    'store_instance',
    Exact({ life: InstanceLife, revision: Revision, facts: Type.Array(ToldFact) }),
    Exact({ revision: Type.Optional(Revision) }),
    // As long as the store itself may take.
    { timeoutMs: 5_000, askAgainMs: controllerIsStillMs },
  ),
} as const;
