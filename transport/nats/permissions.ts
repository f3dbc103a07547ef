/**
 * Who may publish and subscribe what on the bus: what is not listed is refused by nats-server. Each part has a user of a
 * role of its own; clients have one of theirs, so that they reach the API, their answers, and the facts of their project.
 *
 * A host asks on subjects with its name in them, by which controllers and network controllers know who asks: what is put on
 * an instance, and its ports, are for the host that has it, and of no other does it say how its life goes on, or what has
 * happened to it. And nobody speaks in the name of others by what JetStream delivers for them: streams give out nothing as
 * it is but to subscriptions, and these do not take it for a message (`connect-bus.ts`).
 *
 * What a host that is taken over can still do: it is believed of its own instances; it can read the records of all, but
 * for payloads, and all dead letters; and as anybody who may ask JetStream, it can have an answer land among the records,
 * which nobody can read then.
 */
import { computeCalls, computeCasts, networkCalls } from '../messages/internal.ts';
import { type Buckets, buckets } from '../messages/records.ts';
import {
  accountInfo,
  changeStream,
  deleteConsumer,
  listConsumers,
  openStream,
  purgeStream,
  readInParts,
  readMessage,
  readThrough,
  takeFrom,
} from './jetstream-subjects.ts';
import type { Permissions } from './nats-jwt.ts';
import { any, bucketStream, consumers, imageObjects, ofUser, type Placeholder, streams, subjects } from './subjects.ts';

type BucketName = keyof Buckets;

const everyBucket = Object.keys(buckets) as BucketName[];
const streamOf = (bucket: BucketName) => bucketStream(buckets[bucket].name);

/** Records, read one by one or as a view. */
const reads = (...names: BucketName[]) =>
  names.flatMap((name) => [...openStream(streamOf(name)), readMessage(streamOf(name)), ...readThrough(streamOf(name))]);
const writes = (...names: BucketName[]) => names.map((name) => subjects.records(buckets[name].name));

const openImages = openStream(imageObjects.stream);
const readImages = [...openImages, readMessage(imageObjects.stream), ...readThrough(imageObjects.stream)];
const writeImages = [...readImages, ...purgeStream(imageObjects.stream), imageObjects.everything];
const useImageChunks = [
  ...openStream(streams.imageChunks.name),
  readMessage(streams.imageChunks.name),
  ...purgeStream(streams.imageChunks.name),
  ...streams.imageChunks.subjects,
];

/** What an operator sets of the store is told to the controller. */
const setStore = [
  ...everyBucket.map(streamOf),
  ...Object.values(streams).map(({ name }) => name),
  imageObjects.stream,
].map(changeStream);

/** What every part does when it starts. */
const start = [accountInfo, ...openStream(streams.casts.name), ...openStream(streams.facts.name)];
const answersTo = (...parts: (string | Placeholder)[]) => parts.map((part) => `${subjects.partInbox(part)}.>`);
const ownInbox = `${subjects.partInbox(ofUser.name)}.>`;

/** What a consumer of casts does with one that it cannot apply. */
const buryCasts = (consumer: string) => [
  ...reads('deadLetter'),
  subjects.record(buckets.deadLetter.name, `${consumer}.*`),
  subjects.alarm('dead-letter'),
];

/** What its machines do is told in its own name, as long as somebody watches. */
const tellMachines = subjects.inspectionFrame(ofUser.name, any);
const hearWatchers = subjects.inspectionWatch();

/** NATS micro: what finds, pings and measures the API servers. */
const discovery = '$SRV.>';

const api: Permissions = {
  publish: [
    ...start,
    ...reads(...everyBucket.filter((name) => !['payload', 'admission', 'counter'].includes(name))),
    ...readInParts(streams.facts.name),
    subjects.controllerCall(any, any),
    subjects.computeCall(any, computeCalls.consoleLog.name),
    subjects.computeCall(any, computeCalls.openConsole.name),
    `${subjects.clientInbox(any)}.>`,
  ],
  subscribe: [ownInbox, subjects.apis(), subjects.forwarded(any, any), discovery],
};

const controller: Permissions = {
  publish: [
    ...start,
    ...reads(...everyBucket),
    ...writes(...everyBucket.filter((name) => !['port', 'address'].includes(name))),
    ...writeImages,
    ...useImageChunks,
    ...setStore,
    // Also those of others: an operator may have a dead letter cast again.
    subjects.schedulerCasts(),
    subjects.computeCasts(any),
    // Of a host that is deleted.
    ...deleteConsumer(streams.casts.name, any.token),
    ...purgeStream(streams.casts.name),
    subjects.computeCall(any, computeCalls.commandHost.name),
    // For a host that is down.
    subjects.networkCall(networkCalls.releaseForInstance.name),
    subjects.instanceFact(any, any),
    subjects.alarms(),
    subjects.hostFact(any),
    // Also to hosts.
    ...answersTo(any),
    tellMachines,
  ],
  subscribe: [ownInbox, hearWatchers, subjects.controllerCall(any, any), subjects.hostCall('controller', any, any)],
};

const scheduler: Permissions = {
  publish: [
    ...start,
    ...reads('host', 'image', 'instance', 'aggregate', 'serverGroup'),
    ...writes('instance', 'serverGroup'),
    ...takeFrom(streams.casts.name, consumers.scheduler(), subjects.schedulerCasts()),
    ...buryCasts(consumers.scheduler()),
    subjects.computeCast(any, computeCasts.runInstance.name),
    subjects.instanceFact(any, any),
  ],
  subscribe: [ownInbox],
};

const network: Permissions = {
  publish: [
    ...start,
    ...reads('network', 'subnet', 'port', 'address', 'instance'),
    ...writes('port', 'address'),
    subjects.alarm('address-lost'),
    // Any host may ask.
    ...answersTo(any),
  ],
  subscribe: [ownInbox, subjects.networkCall(any), subjects.hostCall('network', any, any)],
};

/** Of one host; `any`: of all of them. Its user has the name of its consumer. */
function compute(host: Placeholder, consumer: string): Permissions {
  return {
    publish: [
      ...start,
      ...reads('instance', 'image', 'host'),
      subjects.record(buckets.host.name, host.token),
      ...readImages,
      ...takeFrom(streams.casts.name, consumer, subjects.computeCasts(host)),
      ...buryCasts(consumer),
      subjects.hostCall('controller', host, any),
      subjects.hostCall('network', host, any),
      subjects.hostFact(host),
      ...answersTo('api', 'controller', 'web', 'up'),
      tellMachines,
    ],
    subscribe: [ownInbox, hearWatchers, subjects.computeCall(host, any), subjects.consoleInput(host, any)],
  };
}

/** It asks the API as clients do, with the token of whoever asks it, and is answered where they are. */
const web: Permissions = {
  publish: [
    ...start,
    ...readThrough(streams.facts.name),
    subjects.apis(),
    subjects.forwarded(any, any),
    subjects.inspectionWatch(),
    // How many casts wait for whom.
    listConsumers(streams.casts.name),
    subjects.computeCall(any, computeCalls.attachConsole.name),
    subjects.consoleInput(any, any),
  ],
  subscribe: [ownInbox, `${subjects.clientInbox(ofUser.key)}.>`, subjects.inspectionFrame(any, any)],
};

/** All parts in one process, on one connection, that tells in their names. */
const up = union(api, controller, scheduler, network, compute(any, any.token), web, {
  publish: [subjects.inspectionFrame(any, any)],
  // It tells whoever looks at it.
  subscribe: [subjects.alarms()],
});

const client: Permissions = {
  publish: [subjects.apis()],
  subscribe: [`${subjects.clientInbox(ofUser.key)}.>`, subjects.instanceFacts(ofUser.project)],
};

const administrator: Permissions = {
  publish: [subjects.apis(), discovery],
  subscribe: [`${subjects.clientInbox(ofUser.key)}.>`, subjects.facts()],
};

/** By role. What a role leaves open is filled in by each user's name, key and tags. */
export const permissions = {
  api,
  controller,
  scheduler,
  network,
  compute: compute(ofUser.host, ofUser.name.token),
  web,
  up,
  client,
  administrator,
} as const satisfies Record<string, Permissions>;

export type BusRole = keyof typeof permissions;

function union(...all: Permissions[]): Permissions {
  return {
    publish: [...new Set(all.flatMap(({ publish }) => publish))],
    subscribe: [...new Set(all.flatMap(({ subscribe }) => subscribe))],
  };
}
