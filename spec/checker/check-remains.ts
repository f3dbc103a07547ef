/** What must hold when nothing is under way any more: every promise was kept, and all that is held adds up. */
import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import { instanceOfPayload } from '../../actors/records/keys.ts';
import type { ReportedPowerState } from '../../machines/instance.ts';
import { holdsShare, isAtRest } from '../../machines/instance-states.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { History } from './history.ts';
import type { HeldGuest, Remains } from './remains.ts';
import type { Violation } from './violation.ts';

type Broken = (invariant: string, message: string, uuid?: string) => void;

export function checkRemains(history: History, remains: Remains): Violation[] {
  const violations: Violation[] = [];
  const broken: Broken = (invariant, message, uuid) =>
    violations.push({ invariant, message, ...(uuid !== undefined && { uuid }) });
  checkAccepted(history, remains, broken);
  checkRest(remains, broken);
  checkGuests(history, remains, broken);
  checkAddresses(history, remains, broken);
  checkPayloads(history, remains, broken);
  return violations;
}

/** Nothing is left of a cloud whose instances are all deleted. */
export function checkNothingLeft({ instances, ports, leases, payloads, guests, casts }: Remains): Violation[] {
  const invariant = 'nothing is left of what is deleted';
  const left = [
    ...instances.filter(({ vmState }) => vmState !== 'deleted').map(({ uuid }) => [`instance ${uuid}`, uuid] as const),
    ...ports.map(({ id, instanceUuid }) => [`port ${id}`, instanceUuid] as const),
    ...[...leases].map(([key, { instanceUuid }]) => [`address ${key}`, instanceUuid] as const),
    ...payloads.map((key) => [`payload ${key}`, instanceOfPayload(key)] as const),
    ...guests.map(({ host, uuid, held }) => [`${held.join(' and ')} on ${host}`, uuid] as const),
  ];
  const violations: Violation[] = left.map(([message, uuid]) => ({ invariant, message, uuid }));
  if (casts > 0) violations.push({ invariant, message: `${casts} casts wait` });
  return violations;
}

function checkAccepted({ asked }: History, { instances }: Remains, broken: Broken): void {
  const byUuid = new Map(instances.map((instance) => [instance.uuid, instance]));
  for (const { verb, uuid, outcome } of asked) {
    if (outcome !== 'accepted') continue;
    const instance = byUuid.get(uuid);
    if (!instance) broken('what was accepted is not lost', `${verb} was accepted, and there is no record`, uuid);
    else if (verb === 'delete' && instance.vmState !== 'deleted') {
      broken('what was accepted is done', `delete was accepted, and it is ${stateOf(instance)}`, uuid);
    }
  }
}

/** What a guest may do in a state: one that crashed is off, too. */
const expectedPower = new Map<string, readonly ReportedPowerState[]>([
  ['running', ['running']],
  ['stopped', ['shutdown', 'crashed']],
  ['paused', ['paused']],
  ['suspended', ['suspended']],
  ['resized.running', ['running']],
  ['resized.stopped', ['shutdown', 'crashed']],
  ['resized.paused', ['paused']],
  ['resized.suspended', ['suspended']],
]);

function checkRest({ instances }: Remains, broken: Broken): void {
  for (const instance of instances) {
    const state = stateOf(instance);
    const { fault } = contextOf(instance);
    if (instance.chart.status === 'active' && !isAtRest(state)) {
      broken('no instance is stuck', `it is ${state}, and nothing happens to it`, instance.uuid);
    }
    if (/^(failed|resized\.lost)/.test(state) && !fault) {
      broken('what fails is explained', `it is ${state} without a fault`, instance.uuid);
    }
  }
}

function checkGuests(history: History, { instances, guests }: Remains, broken: Broken): void {
  const byUuid = Map.groupBy(guests, ({ uuid }) => uuid);
  const known = new Set(instances.map(({ uuid }) => uuid));
  const { unbroken } = history;
  for (const [uuid, held] of byUuid) {
    if (!known.has(uuid)) broken('no guest is without a record', `${describe(held)}`, uuid);
    if (held.length > 1) broken('no instance has two domains', describe(held), uuid);
  }
  for (const instance of instances) {
    const held = byUuid.get(instance.uuid) ?? [];
    checkGuest(instance, held, isDiskGivenUp(history, instance), broken);
    // What the store has lost of it nobody does again.
    if (unbroken.has(instance.uuid)) checkDetails(instance, held, broken);
  }
}

/**
 * Whether an evacuation to a new disk has removed the one that the hosts share, and then came to nothing; or a deletion of
 * which the store knows nothing any more. Its guest may still run without it: whoever asks for that is to see that the lost
 * host is off.
 */
function isDiskGivenUp({ asked, disks = [] }: History, { uuid }: Instance): boolean {
  const last = disks.findLast((disk) => disk.uuid === uuid);
  if (last?.did !== 'removed') return false;
  if (asked.some((one) => one.uuid === uuid && one.verb === 'delete' && one.outcome === 'lost')) return true;
  if (!last.isShared || !last.record) return false;
  return stateOf(last.record).startsWith('evacuating') && contextOf(last.record).sharedDisks === undefined;
}

function checkGuest(instance: Instance, held: HeldGuest[], isWithoutDisk: boolean, broken: Broken): void {
  const { uuid } = instance;
  const state = stateOf(instance);
  const { host, fault } = contextOf(instance);
  const wanted = expectedPower.get(state);
  const { powerState = 'absent' } = held.find((guest) => guest.host === host) ?? {};
  if (wanted && !isWithoutDisk && !held.some((guest) => guest.held.some((what) => /^disks?$/.test(what)))) {
    broken('an instance has its disk', `it is ${state} on ${host}, and there is ${describe(held)}`, uuid);
  }
  if (wanted && !wanted.includes(powerState)) {
    broken('records tell what guests do', `it is ${state} on ${host}, and there is ${describe(held)}`, uuid);
  }
  // What an evacuation that came to nothing has left on its host goes on there.
  const isBack = state === 'failed.powering' && fault?.step === 'evacuating' && powerState !== 'absent';
  if (isBack) broken('records tell what guests do', `it is ${state} on ${host}, and its guest is ${powerState}`, uuid);
  if (!holdsShare(state) && held.length > 0) {
    broken('a failure leaves nothing behind', `it is ${state}, and there is ${describe(held)}`, uuid);
  }
}

/** What stands around a guest, unless something is known to have gone wrong with it. */
function checkDetails(instance: Instance, held: HeldGuest[], broken: Broken): void {
  const { uuid, flavor } = instance;
  const { host, fault, ports } = contextOf(instance);
  const { details, powerState = 'absent' } = held.find((guest) => guest.host === host) ?? {};
  if (fault || !details || !expectedPower.has(stateOf(instance))) return;
  const { filter, memoryMb, addresses } = details;
  if (['running', 'paused'].includes(powerState) && filter !== 'applied') {
    broken('a guest is behind its filter', `it is ${powerState}, and its filter is ${filter ?? 'not there'}`, uuid);
  }
  if (memoryMb !== flavor.memoryMb) {
    broken('a guest has its flavor', `it has ${memoryMb} MB, and its flavor says ${flavor.memoryMb}`, uuid);
  }
  const known = addresses.flat().map((address) => address.replace(/\/.*/, ''));
  const given = ports.flatMap((port) => port.addresses);
  if (known.join() !== given.join()) {
    broken('a guest has its addresses', `it goes by ${known.join()}, and ${given.join()} was given to it`, uuid);
  }
}

function checkAddresses(history: History, { instances, ports, leases }: Remains, broken: Broken): void {
  const { alarms, hasGoneBack, portsTaken, unbroken } = history;
  if (hasGoneBack === false) for (const alarm of alarms) broken('nobody is alarmed without need', alarm);
  for (const { uuid, portId } of portsTaken) {
    if (unbroken.has(uuid)) broken('an address stays', `port ${portId} was removed while the instance had it`, uuid);
  }
  const holders = new Map<string, Instance>();
  for (const instance of instances) if (holdsShare(stateOf(instance))) holders.set(instance.uuid, instance);
  const taken = new Map<string, string>();
  for (const { id, instanceUuid, fixedIps } of ports) {
    if (!holders.has(instanceUuid)) broken('addresses add up', `port ${id} is of an instance without`, instanceUuid);
    for (const { subnetId, address } of fixedIps) {
      const other = taken.get(`${subnetId}.${address}`);
      if (other) broken('no address belongs to two instances', `${address} is of ${other} too`, instanceUuid);
      taken.set(`${subnetId}.${address}`, instanceUuid);
      if (leases.get(`${subnetId}.${address}`)?.portId !== id) {
        broken('addresses add up', `${address} of port ${id} is not leased to it`, instanceUuid);
      }
    }
  }
  for (const [key, { instanceUuid }] of leases) {
    if (!taken.has(key)) broken('addresses add up', `${key} is leased, and no port has it`, instanceUuid);
  }
  const portIds = new Set(ports.map(({ id }) => id));
  for (const [uuid, instance] of holders) {
    // Another has its address, since the store has lost who had it.
    if (alarms.some((message) => message.includes(uuid))) continue;
    for (const { id } of contextOf(instance).ports) {
      if (!portIds.has(id)) broken('addresses add up', `its port ${id} is gone`, uuid);
    }
  }
}

function checkPayloads({ lostPayloads }: History, { instances, payloads }: Remains, broken: Broken): void {
  const kept = new Set(payloads);
  for (const { uuid, payload, vmState } of instances) {
    if (payload === undefined || vmState === 'deleted') continue;
    if (!kept.delete(payload) && !lostPayloads.has(payload))
      broken('what is to be put on a guest is kept', `${payload} is gone`, uuid);
  }
  for (const key of kept) broken('no secret is kept beyond its use', `no record names ${key}`, instanceOfPayload(key));
}

function describe(held: HeldGuest[]): string {
  if (held.length === 0) return 'nothing';
  return held.map(({ host, powerState, held: what }) => `${what.join(' and ')} (${powerState}) on ${host}`).join(', ');
}
