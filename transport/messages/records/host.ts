/** A host: what it can do, how it is, and what an operator wants of it. */
import Type, { type Static } from 'typebox';
import { Described, Exact, Id, OneOf, Text, Time, Uuid } from '../common.ts';
import { ChartSnapshot } from './chart-snapshot.ts';

/** What an operator wants of a host, as its chart hears it. */
export const HostCommand = Type.Union([
  Exact({ type: Type.Literal('host.enable'), at: Time }),
  Exact({ type: OneOf(['host.disable', 'host.drain']), reason: Text, at: Time }),
]);
export type HostCommand = Static<typeof HostCommand>;

/** More are told of in facts. */
export const maxUnknownGuests = 100;
/** As many as fit into a record that is written at each heartbeat. */
export const maxTokenGuests = 1_000;

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
  /**
   * Of all guests of which there is no record, those of instances that a client token names: as long as they are there, the
   * token makes no others.
   */
  tokenGuests: Type.Optional(Type.Array(Uuid, { maxItems: maxTokenGuests })),
  /** Of the machine, when guests and records were compared last. */
  bootId: Type.Optional(Type.String()),
  /** Of the nats-server (`served-by.ts`) whose records the guests were compared with last. Absent: with none yet. */
  comparedWith: Type.Optional(Type.String()),
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
