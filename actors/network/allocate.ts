/**
 * Gives an instance its ports: Nova's allocate_for_instance.
 *
 * Idempotent by the instance's uuid, because a port's id follows from it: called again it answers the same ports, and
 * what a crash left half done (a lease without its port) is finished. For each port the lease is made first, then the
 * port, so that an address is never used before it is held; removing goes the other way round. The port is created only
 * where its key still stands as it did before it was looked whether the instance is to have ports: a release that comes in
 * between makes the call fail. What was allocated for a later attempt is refused to an earlier one: that one's host was slow, or held for dead.
 */
import { fail } from '../../machines/failure.ts';
import type { Clock } from '../../transport/clock.ts';
import type { AddressLease, Port, Subnet } from '../../transport/messages/records.ts';
import { conflict, type Entry } from '../../transport/nats/bucket.ts';
import type { AddressBook, HeldLease } from './address-book.ts';
import { prefixLengthOf } from './ipv4.ts';
import { attemptHolding, hasAddress, type PortBook } from './port-book.ts';
import type { AllocationRequest, NetworkCatalog, PortPlan } from './port-plan.ts';

export interface NetworkBooks {
  readonly catalog: NetworkCatalog;
  readonly addresses: AddressBook;
  readonly ports: PortBook;
  readonly clock: Clock;
}

/** What this call made for one port, so that it can undo that and nothing else. */
interface Made {
  lease: HeldLease;
  port?: { id: string; revision: number };
}

/** `seen`: the revision of the ports before the instance was read. A removal up to there is none of what it is given now. */
export async function allocatePorts(books: NetworkBooks, request: AllocationRequest, seen: number): Promise<Port[]> {
  const { catalog, ports } = books;
  const plans = await catalog.plan(request);
  const made: Made[] = [];
  const reserved: (() => void)[] = [];
  try {
    for (const { mac, portId } of plans) reserved.push(ports.reserveMac(mac, portId));
    const outcomes = await Promise.allSettled(plans.map((plan) => makePort(books, request, plan, seen, made)));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) {
      await undo(books, made);
      throw failed.reason;
    }
    return outcomes.filter((outcome) => outcome.status === 'fulfilled').map(({ value }) => value);
  } finally {
    for (const letGo of reserved) letGo();
  }
}

async function makePort(
  books: NetworkBooks,
  request: AllocationRequest,
  plan: PortPlan,
  seen: number,
  made: Made[],
): Promise<Port> {
  const { addresses, ports, clock } = books;
  const { portId, mac, network } = plan;
  const existing = ports.view.entry(portId);
  if (existing) return confirm(ports, existing, request, plan);

  const removedAt = ports.removedAt(portId);
  if (removedAt > seen) throw changedMeanwhile(portId);
  const lease = await obtainLease(books, request, plan);
  const port: Port = {
    id: portId,
    networkId: network.id,
    projectId: request.projectId,
    instanceUuid: request.uuid,
    host: request.host,
    attempt: request.attempt,
    mac,
    fixedIps: [{ subnetId: lease.subnetId, address: lease.address }],
    securityGroups: request.securityGroups,
    createdAt: clock.now(),
  };
  // When this rejects, whether the port was written is unknown, and so its lease must stay.
  let revision = await ports.createAfter(portId, port, removedAt);
  if (revision === conflict) {
    const place = await ports.bucket.look(portId);
    if (place.value) {
      // Another controller, asked the same, was faster: its port is the answer, and our lease may be one too many.
      if (!hasAddress(place.value, lease)) await addresses.giveBack(lease);
      return confirm(ports, place, request, plan);
    }
    if (place.revision <= seen) revision = await ports.createAfter(portId, port, place.revision);
  }
  if (revision === conflict) {
    made.push({ lease });
    throw changedMeanwhile(portId);
  }
  made.push({ lease, port: { id: portId, revision } });
  return port;
}

/** Answers a port that is there. It is written again, because only a write tells that it still is. */
async function confirm(
  ports: PortBook,
  { value: port, revision }: Entry<Port>,
  { host, attempt, securityGroups }: AllocationRequest,
  { network, fixedIp, portId }: PortPlan,
): Promise<Port> {
  if (attemptHolding(port) > attempt) throw overtaken(portId, attempt, attemptHolding(port));
  const isOther =
    port.networkId !== network.id ||
    (fixedIp !== undefined && !port.fixedIps.some(({ address }) => address === fixedIp));
  if (isOther) {
    throw fail('conflict', `port ${portId} of the instance is already plugged in otherwise`, { details: { portId } });
  }
  const confirmed = { ...port, host, attempt, securityGroups };
  if ((await ports.bucket.update(portId, confirmed, revision)) === conflict) throw changedMeanwhile(portId);
  return confirmed;
}

async function obtainLease(
  { addresses, clock }: NetworkBooks,
  { uuid: instanceUuid, attempt }: AllocationRequest,
  { portId, subnets, fixedIp, network }: PortPlan,
): Promise<HeldLease> {
  const lease: AddressLease = { portId, instanceUuid, attempt, leasedAt: clock.now() };
  for (const left of addresses.ofPort(portId)) {
    if (attemptHolding(left.value) > attempt) throw overtaken(portId, attempt, attemptHolding(left.value));
    const isWanted = subnets.some(({ id }) =>
      fixedIp === undefined ? left.key.startsWith(`${id}.`) : left.key === `${id}.${fixedIp}`,
    );
    const renewed = isWanted ? await addresses.renew(left, lease) : conflict;
    if (renewed !== conflict) return renewed;
  }

  const [first] = subnets;
  if (fixedIp !== undefined && first) {
    let held = await addresses.leaseFixed(first, fixedIp, lease);
    if ('value' in held && held.value.portId === portId) {
      const renewed = await addresses.renew(held, lease);
      if (renewed === conflict) throw changedMeanwhile(portId);
      held = renewed;
    }
    if (!('value' in held)) return held;
    throw fail('address_in_use', `${fixedIp} of network ${network.name} is in use`, { details: { fixedIp } });
  }

  const held = (await leaseFrom(addresses, subnets, lease)) ?? (await leaseFromLatest(addresses, subnets, lease));
  if (held) return held;
  const names = subnets.map(({ cidr }) => cidr).join(', ');
  throw fail('no_more_addresses', `subnet ${names} of network ${network.name} has no free address`, {
    details: { networkId: network.id, subnets: subnets.map(({ id }) => id) },
  });
}

async function leaseFrom(addresses: AddressBook, subnets: Subnet[], lease: AddressLease) {
  for (const subnet of subnets) {
    const held = await addresses.leaseAny(subnet, lease);
    if (held) return held;
  }
  return undefined;
}

/** Before the answer is "none": what was given back a moment ago may not be in the view yet. */
async function leaseFromLatest(addresses: AddressBook, subnets: Subnet[], lease: AddressLease) {
  await addresses.caughtUp();
  return leaseFrom(addresses, subnets, lease);
}

/** Takes back what was made, the port before its lease; what another call has confirmed since is that one's. */
async function undo({ addresses, ports }: NetworkBooks, made: Made[]): Promise<void> {
  await Promise.all(
    made.map(async ({ lease, port }) => {
      if (port && (await ports.bucket.remove(port.id, port.revision)) === conflict) return;
      await addresses.giveBack(lease);
    }),
  );
}

function overtaken(portId: string, attempt: number, later: number) {
  return fail('conflict', `port ${portId} is that of attempt ${later} by now: attempt ${attempt} is over`, {
    details: { portId, attempt, later },
  });
}

function changedMeanwhile(portId: string) {
  return fail('conflict', `port ${portId} was changed by another meanwhile`, { disposition: 'retry' });
}

/** The port as the host needs it to plug it in. */
export function describePort({ catalog }: NetworkBooks, port: Port) {
  const network = catalog.network(port.networkId);
  if (!network) throw fail('network_unavailable', `network ${port.networkId} of port ${port.id} is gone`);
  const subnets = port.fixedIps.map(({ subnetId }) => catalog.subnets.get(subnetId));
  return {
    id: port.id,
    networkId: port.networkId,
    mac: port.mac,
    bridge: network.bridge,
    mtu: network.mtu,
    fixedIps: port.fixedIps.map(({ address }, index) => {
      const subnet = subnets[index];
      if (!subnet)
        throw fail('network_unavailable', `the subnet of ${address} is gone`, { details: { portId: port.id } });
      return { address, prefixLength: prefixLengthOf(subnet.cidr), ...(subnet.gateway && { gateway: subnet.gateway }) };
    }),
    dnsServers: [...new Set(subnets.flatMap((subnet) => subnet?.dnsServers ?? []))],
  };
}
