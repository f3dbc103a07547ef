/**
 * Nova's compute API create(): checks quota, makes the default security group where there is none, generates MAC
 * addresses and hostnames, records the instances, and asks the scheduler to run them.
 */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { fail } from '../../machines/failure.ts';
import { instanceMachine } from '../../machines/instance.ts';
import { unborn } from '../../machines/instance-states.ts';
import type { Chance, Clock } from '../../transport/clock.ts';
import type { CreateInstance } from '../../transport/messages/api/instance.ts';
import type { CallContext, Caller } from '../../transport/messages/call-context.ts';
import type { Flavor, Image, Instance, InstancePayload } from '../../transport/messages/records.ts';
import { type Bucket, conflict, type Entry } from '../../transport/nats/bucket.ts';
import type { View } from '../../transport/nats/view.ts';
import { ChartMoves } from '../instance/chart-moves.ts';
import { persistSnapshot } from '../instance/chart-snapshot.ts';
import { InstanceOwner, type OwnerWorld } from '../instance/owner.ts';
import type { MacAddresses } from '../network/mac-addresses.ts';
import { payloadKey } from '../records/keys.ts';
import { nameUuid } from '../runtime/name-uuid.ts';
import type { Admissions } from './admissions.ts';
import type { Catalog } from './catalog.ts';
import { hostnameOf } from './hostnames.ts';
import type { LostGuests } from './lost-guests.ts';
import type { StoreRoom } from './store-room.ts';

export interface CreationWorld {
  readonly admissions: Admissions;
  readonly room: StoreRoom;
  readonly catalog: Catalog;
  readonly macs: MacAddresses;
  readonly instances: View<Instance>;
  readonly lostGuests: LostGuests;
  readonly instanceBucket: Bucket<Instance>;
  readonly payloads: Bucket<InstancePayload>;
  readonly owners: OwnerWorld;
  readonly clock: Clock;
  readonly chance: Chance;
  /** How many hosts may be tried for a launch. */
  readonly maxAttempts: number;
}

/** Resolves when the instances are recorded: from then on they end as running, or as an explained failure. */
export async function createInstances(
  world: CreationWorld,
  request: CreateInstance,
  caller: Caller,
  context: CallContext,
): Promise<Entry<Instance>[]> {
  const { minCount = 1, maxCount = Math.max(1, minCount) } = request;
  if (minCount > maxCount) {
    throw fail('invalid_request', 'field /minCount must not be greater than field /maxCount', {
      details: { field: '/minCount' },
    });
  }
  const uuids = uuidsFor(world.chance, request, caller, maxCount);
  const requestDigest = request.clientToken === undefined ? undefined : digestOf(request);
  const earlier = requestDigest && answeredEarlier(world.instances, uuids, requestDigest, minCount);
  if (earlier) return earlier;
  if (requestDigest) await world.lostGuests.refuse(uuids);
  await world.room.confirm();

  const flavor = await world.catalog.flavor(request.flavor);
  const image = await world.catalog.image(request.image, caller, flavor, '/flavor');
  const keyPair = request.keyName === undefined ? undefined : await world.catalog.keyPair(request.keyName, caller);
  await world.catalog.availabilityZone(request.availabilityZone);
  const networks = await world.catalog.networks(request.networks, caller);
  await world.catalog.hints(request.hints ?? {}, caller);
  refuseSharedFixedIp(networks, maxCount);
  refuseTooMuch(request, keyPair?.publicKey, maxCount);
  const securityGroups = await world.catalog.securityGroups(request.securityGroups, caller);

  const hostnames = await world.admissions.admit({
    projectId: caller.projectId,
    uuids,
    min: minCount,
    hostname: hostnameOf(request.name),
    vcpus: flavor.vcpus,
    memoryMb: flavor.memoryMb,
  });
  try {
    await world.catalog.confirmSecurityGroups(securityGroups, caller);
  } catch (error) {
    await world.admissions.withdraw(caller.projectId, uuids);
    throw error;
  }

  const reservationId = `r-${world.chance.uuid().slice(0, 8)}`;
  const admitted = uuids.slice(0, hostnames.length);
  return Promise.all(
    admitted.map(async (uuid, launchIndex) => {
      const record = describe(world.clock.now(), uuid, request, flavor, image, caller, {
        reservationId,
        launchIndex,
        name: maxCount === 1 ? request.name : `${shortened(request.name)}-${launchIndex + 1}`,
        hostname: hostnames[launchIndex] ?? hostnameOf(request.name),
        securityGroups,
        networks: await Promise.all(
          networks.map(async ({ network, fixedIp }) => ({
            networkId: network.id,
            mac: await world.macs.take(),
            ...(fixedIp !== undefined && { fixedIp }),
          })),
        ),
        ...(keyPair && { keyName: keyPair.name, publicKey: keyPair.publicKey }),
        ...(requestDigest && { requestDigest }),
        chart: bornChart(uuid, world),
      });
      return store(world, record, request, context);
    }),
  );
}

/** Stores payload and record, and lets the chart ask for a host. */
async function store(
  world: CreationWorld,
  record: Instance,
  { adminPassword, userData, files }: CreateInstance,
  context: CallContext,
): Promise<Entry<Instance>> {
  if (record.payload !== undefined) {
    await keepPayload(world.payloads, record.payload, {
      ...(adminPassword !== undefined && { adminPassword }),
      ...(userData !== undefined && { userData }),
      ...(files && { files }),
    });
  }
  const owner = new InstanceOwner(world.owners, record, 0, context);
  owner.start();
  try {
    await owner.durable();
  } catch (error) {
    // The same client token was faster by another controller.
    const stored = await world.instanceBucket.get(record.uuid);
    if (!stored || !record.requestDigest) throw error;
    if (stored.value.requestDigest !== record.requestDigest) throw usedOtherwise();
    return stored;
  }
  return { key: owner.uuid, value: owner.record, revision: owner.revision };
}

/** Never another request's, which has the same key when it comes with the same client token. */
async function keepPayload(payloads: Bucket<InstancePayload>, key: string, payload: InstancePayload): Promise<void> {
  if ((await payloads.create(key, payload)) !== conflict) return;
  const kept = await payloads.get(key);
  if (!isDeepStrictEqual(kept?.value, payload)) throw usedOtherwise();
}

function describe(
  createdAt: number,
  uuid: string,
  { availabilityZone, hints, metadata = {}, tags = [], adminPassword, userData, files }: CreateInstance,
  flavor: Flavor,
  image: Image,
  { projectId, userId }: Caller,
  more: Pick<
    Instance,
    | 'reservationId'
    | 'launchIndex'
    | 'name'
    | 'hostname'
    | 'securityGroups'
    | 'networks'
    | 'keyName'
    | 'publicKey'
    | 'requestDigest'
    | 'chart'
  >,
): Instance {
  return {
    uuid,
    projectId,
    userId,
    flavor,
    imageId: image.id,
    ...(availabilityZone !== undefined && { availabilityZone }),
    ...(hints && { hints }),
    metadata,
    tags,
    ...((adminPassword !== undefined || userData !== undefined || files) && { payload: payloadKey(uuid) }),
    createdAt,
    updatedAt: createdAt,
    owner: 'control',
    ...unborn,
    ...more,
  };
}

const moves = new ChartMoves(instanceMachine);

function bornChart(uuid: string, { maxAttempts, clock }: CreationWorld) {
  return persistSnapshot(moves.begin({ uuid, maxAttempts, at: clock.now() }));
}

/** A client token makes the uuids, so that the same token makes the same instances. */
function uuidsFor(chance: Chance, { clientToken }: CreateInstance, { projectId }: Caller, count: number): string[] {
  return Array.from({ length: count }, (_, index) =>
    clientToken === undefined ? chance.uuid() : nameUuid('client-token', projectId, clientToken, String(index)),
  );
}

/** The same for the same request, in whatever order its fields came. */
function digestOf({ clientToken: _, ...request }: CreateInstance): string {
  return createHash('sha256').update(JSON.stringify(request, inOrder)).digest('hex');
}

function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function answeredEarlier(
  instances: View<Instance>,
  uuids: string[],
  requestDigest: string,
  minCount: number,
): Entry<Instance>[] | undefined {
  const earlier = uuids.flatMap((uuid) => instances.entry(uuid) ?? []);
  if (earlier.length === 0) return undefined;
  if (earlier.some(({ value }) => value.requestDigest !== requestDigest)) {
    throw usedOtherwise();
  }
  // Fewer than it needs: a controller died half way, and the others are made now.
  return earlier.length < minCount ? undefined : earlier;
}

function usedOtherwise() {
  return fail('conflict', 'field /clientToken was used for a different request', {
    details: { field: '/clientToken' },
  });
}

/** Room for the number that tells the instances of one request apart. */
function shortened(name: string): string {
  // Not through the middle of a character that takes two.
  return name.slice(0, 250).replace(/[\ud800-\udbff]$/, '');
}

function refuseSharedFixedIp(networks: { fixedIp?: string }[], count: number): void {
  const index = networks.findIndex(({ fixedIp }) => fixedIp !== undefined);
  if (index >= 0 && count > 1) {
    throw fail('invalid_request', `field /networks/${index}/fixedIp cannot be given to ${count} instances`, {
      details: { field: `/networks/${index}/fixedIp` },
    });
  }
}

/** What all records together may hold of the request, in bytes: they are answered in one message. */
const maxAnswered = 512 * 1024;

function refuseTooMuch(
  { adminPassword: _, userData: __, files: ___, ...kept }: CreateInstance,
  publicKey: string | undefined,
  count: number,
): void {
  if (count === 1) return;
  const bytes = Buffer.byteLength(JSON.stringify({ ...kept, publicKey }));
  if (bytes * count <= maxAnswered) return;
  throw fail('invalid_request', `field /maxCount: ${count} instances of ${bytes} bytes each are too many at once`, {
    details: { field: '/maxCount', most: Math.max(1, Math.floor(maxAnswered / bytes)) },
  });
}
