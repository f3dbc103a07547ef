/** Runs one world from its beginning to its end, and says which promises were broken in it. */
import type { Share } from '../../actors/instance/held-share.ts';
import { stateOf } from '../../actors/instance/stored-chart.ts';
import type { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { isAtRest, isTriedAgain } from '../../machines/instance-states.ts';
import type { AddressLease, Host, Instance, Port } from '../../transport/messages/records.ts';
import { buckets } from '../../transport/messages/records.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { checkClaims } from '../checker/check-claims.ts';
import { checkCommands } from '../checker/check-commands.ts';
import { checkDeadlines } from '../checker/check-deadlines.ts';
import { checkDisks } from '../checker/check-disks.ts';
import { checkQuota } from '../checker/check-quota.ts';
import { checkRecords } from '../checker/check-records.ts';
import { checkRefusals } from '../checker/check-refusals.ts';
import { checkNothingLeft, checkRemains } from '../checker/check-remains.ts';
import { History, type RecordSeen } from '../checker/history.ts';
import type { GuestDetails, HeldGuest, Remains } from '../checker/remains.ts';
import type { Violation } from '../checker/violation.ts';
import { describe } from './actions.ts';
import { Faults } from './faults.ts';
import { writeFirstRecords } from './first-records.ts';
import type { Sabotage } from './sabotage.ts';
import type { Script } from './script.ts';
import { processNames } from './script.ts';
import type { StoredVersion } from './simulated-bucket.ts';
import { SimulatedClient, uuidOf } from './simulated-client.ts';
import { capacityOf, storage, World, type WorldPlan } from './world.ts';

export interface Outcome {
  violations: Violation[];
  history: History;
  launches: number;
  /** How long it took in the world (ms). */
  simulatedMs: number;
}

/** For how long nothing may happen before a world counts as quiet (ms). */
const quietMs = 5_000;
/** In which everything that sweeps has come by (ms). */
const sweptMs = 15 * 60_000;
/** How long it may take until it is: past every deadline there is (ms). */
const patienceMs = 30 * 60_000;
/** The instances that fill a host to see that nothing is missing of it. */
const firstFiller = 1_000_000;

export async function runWorld(script: Script, sabotage: Sabotage = {}): Promise<Outcome> {
  const mend = sabotage.part?.();
  try {
    return await run(script, sabotage);
  } finally {
    mend?.();
  }
}

async function run({ plan, actions }: Script, sabotage: Sabotage): Promise<Outcome> {
  const history = new History();
  history.disks = [];
  history.hasGoneBack = false;
  // By a clock that is wrong, deadlines are.
  const isClockRight =
    plan.skewMs === 0 && !actions.some((action) => 'fault' in action && action.fault === 'stepClock');
  if (isClockRight) history.disturbances = [];
  const witness = { stored, told, wentBack };
  const world = new World(plan, witness, history, sabotage);
  const { time } = world;
  const client = new SimulatedClient(world.outside, history);
  const faults = new Faults(world, history);
  const began = time.now();

  function stored(bucket: string, { key, bytes, isRemoval, revision, writtenAt }: StoredVersion): void {
    if (isRemoval) {
      if (bucket === buckets.host.name) world.doubles.hostForgotten(key);
      if (bucket === buckets.port.name) history.portRemoved(key, writtenAt);
      return;
    }
    const record = () => JSON.parse(Buffer.from(bytes).toString());
    if (bucket === buckets.instance.name) history.saw(key, seen(record(), { at: writtenAt, revision }));
    if (bucket === buckets.host.name) world.doubles.hostSeen(record());
  }

  function told(subject: string, data: Uint8Array): void {
    if (subject === subjects.alarm('address-lost'))
      history.alarms.push(JSON.parse(Buffer.from(data).toString()).message);
  }

  function wentBack(bucket: string, key: string, kept: StoredVersion | undefined): void {
    history.hasGoneBack = true;
    const version = kept && !kept.isRemoval ? kept : undefined;
    const record = () => JSON.parse(Buffer.from(version?.bytes ?? []).toString());
    if (bucket === buckets.payload.name && !version) history.lostPayloads.add(key);
    if (bucket === buckets.host.name && version) world.doubles.hostWentBack(record());
    if (bucket !== buckets.instance.name) return;
    history.wentBack(key, time.now(), version && { at: time.now(), revision: version.revision, record: record() });
  }

  function seen(record: Instance, when: { at: number; revision: number }): RecordSeen {
    const hypervisor = record.owner === 'control' ? undefined : world.hypervisors.get(record.owner.host);
    return { ...when, record, ...(hypervisor && { powerState: hypervisor.peek(record.uuid) }) };
  }

  await settle(time, writeFirstRecords(world.outside, plan));
  await settle(time, Promise.all(processNames(plan).map((name) => world.start(name))));

  // A cloud without them is none: its process makes them again, which has no place here.
  world.nats.flush();
  const startedAt = time.now();
  for (const action of actions) {
    time.after(action.at, () => {
      if ('fault' in action) {
        history.faults.push({ at: time.now(), what: describe(action) });
        faults.befall(action);
      } else void client.wish(action);
    });
  }
  const ends = actions.map((action) => action.at + ('forMs' in action ? action.forMs : 0));
  await time.run(startedAt + Math.max(0, ...ends) + 1_000);
  faults.heal();
  const healedAt = time.now();

  const violations: Violation[] = [];
  violations.push(...(await untilQuiet(world, history)));
  history.commandsForgotten = world.nats.queue.leftUnanswered.map(({ data }) =>
    JSON.parse(Buffer.from(data).toString()),
  );
  violations.push(
    ...(await afterSweeps(world, () => checkRemains(history, remainsOf(world, history)))),
    ...checkRecords(history),
    ...checkDeadlines(history, healedAt),
    ...checkCommands(history),
    ...checkDisks(history),
    ...checkClaims(history, shareOf(plan)),
    ...checkRefusals(history, shareOf(plan)),
    ...checkQuota(history, plan.quota),
  );
  if (violations.length === 0) violations.push(...(await emptied(world, client, history)));
  world.end();
  return { violations, history, launches: history.records.size, simulatedMs: time.now() - began };
}

function shareOf(plan: WorldPlan): Share {
  const { vcpus, memoryMb, diskGb } = capacityOf(plan);
  return { vcpus, memoryMb, rootGb: diskGb };
}

/** What crashed halfway, or was done away with, may have left something that a sweep has to find. */
async function afterSweeps(world: World, check: () => Violation[]): Promise<Violation[]> {
  const deadline = world.time.now() + sweptMs;
  let violations = check();
  while (violations.length > 0 && world.time.now() < deadline) {
    await world.time.run(world.time.now() + sweptMs / 30);
    violations = check();
  }
  return violations;
}

/** Deletes everything; then nothing is left, and each host has room for what fills it. */
async function emptied(world: World, client: SimulatedClient, history: History): Promise<Violation[]> {
  await settle(world.time, deleteAll(client, history));
  const left = await untilQuiet(world, history);
  left.push(...(await afterSweeps(world, () => checkNothingLeft(remainsOf(world, history)))));
  if (left.length > 0) return left;
  const { hosts } = world.plan;
  await settle(world.time, Promise.all([...world.hypervisors.values()].map(destroyAll)));
  await settle(world.time, Promise.all(hosts.map((host, index) => client.create(firstFiller + index, 'whole', host))));
  const late = await untilQuiet(world, history);
  for (const [index, host] of hosts.entries()) {
    const filler = history.latest(uuidOf(firstFiller + index));
    if (filler && stateOf(filler) === 'running') continue;
    const why = filler ? `${stateOf(filler)}: ${JSON.stringify(filler.chart.context.fault)}` : 'not accepted';
    late.push({ invariant: 'claims add up to the live instances', message: `${host} cannot be filled; it is ${why}` });
  }
  return late;
}

/** As an operator does with guests that nobody knows, when there are any. */
async function destroyAll(hypervisor: SimulatedHypervisor): Promise<void> {
  const { signal } = new AbortController();
  for (const uuid of new Set(Object.values(hypervisor.leftovers()).flat())) {
    await hypervisor.destroyDomain(uuid, signal);
    await hypervisor.removeFilter(uuid, signal);
    await hypervisor.removeDisks(uuid, signal);
  }
}

async function deleteAll(client: SimulatedClient, history: History): Promise<void> {
  await Promise.all(
    [...history.records.keys()].map(async (uuid) => {
      while (history.latest(uuid)?.vmState !== 'deleted') {
        if ((await client.delete(uuid)) !== 'unknown') return;
      }
    }),
  );
}

/** Lets time pass until nothing is under way. A world in which something always is has broken a promise. */
async function untilQuiet({ time, nats, doubles }: World, history: History): Promise<Violation[]> {
  const deadline = time.now() + patienceMs;
  let quietSince = time.now();
  while (time.now() < deadline) {
    await time.run(time.now() + 500);
    if (isBusy()) quietSince = time.now();
    if (time.now() - quietSince >= quietMs) return [];
  }
  return underWay().map((instance) => ({
    invariant: 'no instance is stuck',
    uuid: instance.uuid,
    message: `it is ${stateOf(instance)}, ${Math.round((time.now() - instance.updatedAt) / 1000)} s after it changed last`,
  }));

  function underWay(): Instance[] {
    const latest = [...history.records.values()].map((versions) => versions.at(-1)?.record as Instance);
    return latest.filter((instance) => instance.chart.status === 'active' && !isSettled(stateOf(instance)));
  }
  function isBusy(): boolean {
    return (
      nats.queue.size > 0 ||
      doubles.isAnyAway ||
      underWay().length > 0 ||
      history.asked.some(({ outcome }) => outcome === 'pending')
    );
  }
}

function isSettled(state: string): boolean {
  return isAtRest(state) && !isTriedAgain(state);
}

/** Lets time pass until the promise is settled. */
async function settle<T>(time: World['time'], promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settled = promise.finally(() => {
    isSettled = true;
  });
  // Whoever waits hears of it below.
  settled.catch(() => undefined);
  await time.run(time.now() + patienceMs, () => isSettled);
  if (!isSettled) throw new Error('what was asked of the world did not come to an end');
  return settled;
}

function remainsOf({ nats, hypervisors, sharedDisks }: World, history: History): Remains {
  const values = <T>(name: string) => {
    const bucket = nats.bucket(name);
    return bucket
      .keys()
      .map((key) => [key, JSON.parse(Buffer.from(bucket.latest(key)?.bytes ?? []).toString()) as T] as const);
  };
  const told = new Set(values<Host>(buckets.host.name).flatMap(([, { unknownGuests = [] }]) => unknownGuests));
  const isLeft = ({ uuid }: HeldGuest) => told.has(uuid) && !history.records.has(uuid);
  return {
    instances: [...history.records.values()].map((versions) => versions.at(-1)?.record as Instance),
    ports: values<Port>(buckets.port.name).map(([, port]) => port),
    leases: new Map(values<AddressLease>(buckets.address.name)),
    payloads: nats.bucket(buckets.payload.name).keys(),
    guests: withSharedDisks(
      [...hypervisors].flatMap(([host, hypervisor]) => guestsOf(host, hypervisor)),
      sharedDisks.leftovers(),
    ).filter((guest) => !isLeft(guest)),
    casts: nats.queue.size,
  };
}

function guestsOf(host: string, hypervisor: SimulatedHypervisor): HeldGuest[] {
  const guests = new Map<string, HeldGuest>();
  for (const [what, uuids] of Object.entries(hypervisor.leftovers())) {
    for (const uuid of uuids) {
      const guest = guests.get(uuid) ?? { host, uuid, powerState: hypervisor.peek(uuid), held: [] };
      guest.held.push(what);
      guest.details = detailsOf(hypervisor, uuid);
      guests.set(uuid, guest);
    }
  }
  return [...guests.values()];
}

function detailsOf(hypervisor: SimulatedHypervisor, uuid: string): GuestDetails {
  const { filter, domain, disk } = hypervisor.inspect(uuid);
  return { filter, memoryMb: domain?.memoryMb, addresses: disk?.guest.addresses ?? [] };
}

/** Shared disks are their guest's, wherever that is; without one they are a leftover of all hosts. */
function withSharedDisks(guests: HeldGuest[], shared: Record<string, string[]>): HeldGuest[] {
  const all = [...guests];
  for (const [what, uuids] of Object.entries(shared)) {
    for (const uuid of uuids) {
      const guest = all.find((held) => held.uuid === uuid);
      if (guest) guest.held.push(what);
      else all.push({ host: storage, uuid, powerState: 'absent', held: [what] });
    }
  }
  return all;
}
