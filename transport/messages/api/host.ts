/** Requests about compute hosts, the zones that they are in, and aggregates of them. */
import Type, { type Static } from 'typebox';
import { Described, Exact, Id, Metadata, MetadataChanges, Name, Text, Timestamp, Uuid } from '../common.ts';
import { Host } from '../records.ts';
import { read, write } from './endpoint.ts';
import { factPaging, HostFactView } from './fact.ts';
import { HostName, IdOrName, markedBy, NewDisk, Nothing, paging } from './fields.ts';

const { service, capacity } = Host.properties;

/** What is shown as it is in the record. */
const { properties: recorded } = Type.Pick(Host, [
  'hypervisor',
  'service',
  'disabledReason',
  'hypervisorState',
  'hypervisorReason',
  'unknownGuests',
  'capacity',
  'allocationRatio',
  'sharedDisks',
]);

export const HostView = Exact(
  {
    name: Type.String(),
    isAlive: Type.Boolean({ description: 'its heartbeat was heard lately' }),
    downSince: Type.Optional(
      Described(Timestamp, 'when it was declared down; absent: it is not, or has come back and cleaned up since'),
    ),
    availabilityZone: Described(Id, 'that it is in: of an aggregate of its, or its own'),
    aggregates: Type.Array(Type.String(), { description: 'names of the aggregates that it is in' }),
    ...recorded,
    used: Described(capacity, 'what its instances have of it'),
    instances: Type.Integer({ description: 'how many are on it' }),
    startedAt: Described(Timestamp, 'when its worker began'),
    heartbeatAt: Described(Timestamp, 'when it was heard last'),
  },
  { title: 'Host' },
);
export type HostView = Static<typeof HostView>;

const OneHost = Exact({ host: HostName });
const HostReply = Exact({ host: HostView });
const WithReason = Exact({ host: HostName, reason: Described(Text, 'for other administrators') });

export const hostEndpoints = {
  list: read({
    name: 'host.list',
    description: 'The compute hosts, by name.',
    access: 'admin',
    request: Exact({
      availabilityZone: Type.Optional(Id),
      service: Type.Optional(service),
      ...paging,
      marker: markedBy(HostName),
    }),
    reply: Exact({ hosts: Type.Array(HostView) }),
  }),
  get: read({
    name: 'host.get',
    description: 'One compute host.',
    access: 'admin',
    request: OneHost,
    reply: HostReply,
  }),
  facts: read({
    name: 'host.facts',
    description:
      'What happened to a host, also to one that is deleted, oldest first, as far back as facts are kept; an empty page is ' +
      'the end.',
    access: 'admin',
    request: Exact({ host: HostName, ...factPaging }),
    reply: Exact({ facts: Type.Array(HostFactView) }),
  }),
  enable: write({
    name: 'host.enable',
    description: 'Lets new instances come to a host.',
    access: 'admin',
    request: OneHost,
    reply: HostReply,
  }),
  disable: write({
    name: 'host.disable',
    description: 'Keeps new instances away from a host; those that are there go on. Also for a host that is down.',
    access: 'admin',
    request: WithReason,
    reply: HostReply,
  }),
  drain: write({
    name: 'host.drain',
    description: 'Keeps new instances away from a host whose instances are to be moved or deleted.',
    access: 'admin',
    request: WithReason,
    reply: HostReply,
  }),
  evacuate: write({
    name: 'host.evacuate',
    description:
      'Evacuates each instance of a host that is down, as `instance.evacuate` does. Answered when all are on their way; ' +
      'asked again, it takes those that are still there.',
    access: 'admin',
    timeoutMs: 60_000,
    request: Exact({ host: HostName, newDisk: NewDisk }),
    reply: HostReply,
  }),
  delete: write({
    name: 'host.delete',
    description: 'Forgets a host that never comes back: it must be stopped or down, and hold no instance.',
    access: 'admin',
    request: OneHost,
    reply: Nothing,
  }),
};

export const zoneEndpoints = {
  list: read({
    name: 'zone.list',
    description: 'The availability zones that hosts are in; available: where an instance may be launched now.',
    request: Nothing,
    reply: Exact({
      zones: Type.Array(
        Exact({
          name: Type.String(),
          isAvailable: Type.Boolean({ description: 'has a host that is alive and takes instances' }),
        }),
      ),
    }),
  }),
};

export const AggregateView = Exact(
  {
    id: Uuid,
    name: Type.String(),
    availabilityZone: Type.Optional(Described(Id, 'the zone that its hosts are in, instead of their own')),
    hosts: Type.Array(Type.String(), { description: 'their names' }),
    metadata: Metadata,
    createdAt: Timestamp,
    updatedAt: Timestamp,
  },
  { title: 'Aggregate' },
);
export type AggregateView = Static<typeof AggregateView>;

const AggregateRef = IdOrName('aggregate.list', '/aggregates/*/id', 'an aggregate');
const OneAggregate = Exact({ aggregate: AggregateRef });
const AggregateReply = Exact({ aggregate: AggregateView });

export const aggregateEndpoints = {
  create: write({
    name: 'aggregate.create',
    description:
      'Makes a group of hosts. With a zone, its hosts are in that zone instead of their own; its metadata is what ' +
      'flavors ask for with extra specs `aggregate_instance_extra_specs:<key>`.',
    access: 'admin',
    failures: ['already_exists'],
    request: Exact({
      name: Name,
      availabilityZone: Type.Optional(Described(Id, 'the zone that its hosts are to be in; it is made by this')),
      metadata: Type.Optional(Metadata),
    }),
    reply: AggregateReply,
  }),
  get: read({
    name: 'aggregate.get',
    description: 'One aggregate, by id or name.',
    access: 'admin',
    request: OneAggregate,
    reply: AggregateReply,
  }),
  list: read({
    name: 'aggregate.list',
    description: 'The aggregates, by name.',
    access: 'admin',
    request: Exact({ ...paging, marker: markedBy(AggregateRef) }),
    reply: Exact({ aggregates: Type.Array(AggregateView) }),
  }),
  update: write({
    name: 'aggregate.update',
    description: 'Renames an aggregate, changes its metadata, or replaces its zone: what is not given stays as it is.',
    access: 'admin',
    failures: ['already_exists'],
    request: Exact({
      aggregate: AggregateRef,
      name: Type.Optional(Name),
      availabilityZone: Type.Optional(Type.Union([Id, Type.Null()], { description: 'null: no zone of its own' })),
      metadata: Type.Optional(MetadataChanges),
    }),
    reply: AggregateReply,
  }),
  addHost: write({
    name: 'aggregate.add-host',
    description: 'Adds a host. It may be in several aggregates, but in one zone only.',
    access: 'admin',
    request: Exact({ aggregate: AggregateRef, host: HostName }),
    reply: AggregateReply,
  }),
  removeHost: write({
    name: 'aggregate.remove-host',
    description: 'Takes a host out.',
    access: 'admin',
    request: Exact({ aggregate: AggregateRef, host: HostName }),
    reply: AggregateReply,
  }),
  delete: write({
    name: 'aggregate.delete',
    description: 'Deletes an aggregate that has no hosts.',
    access: 'admin',
    request: OneAggregate,
    reply: Nothing,
  }),
};
