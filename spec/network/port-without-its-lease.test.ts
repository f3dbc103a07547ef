/** A store that has lost the lease of an address, and kept the port that has it. */
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { leaseKey } from '../../actors/network/address-book.ts';
import { ensureDefaultNetwork } from '../../actors/network/default-network.ts';
import { startNetworkController } from '../../actors/network/network-controller.ts';
import { portIdOf } from '../../actors/network/port-book.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { facts } from '../../transport/messages/internal.ts';
import type { AddressLease, Instance, Port, Subnet } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { HeldClock } from '../support/held-clock.ts';
import { rawBucket } from '../support/raw-bucket.ts';
import { newInstance } from '../support/records.ts';
import { startTestRuntimes, type TestRuntimes } from '../support/runtimes.ts';
import { eventually } from '../support/test-cloud.ts';

let runtimes: TestRuntimes;
let runtime: Runtime;
let subnet: Subnet;
let instances: Bucket<Instance>;
let leases: Bucket<AddressLease>;
let ports: Bucket<Port>;
let alarms: string[];
let counter = 10;

beforeAll(async () => {
  runtimes = await startTestRuntimes();
  runtime = await runtimes.connect();
  const { bus, store } = runtime;
  ({ subnet } = await ensureDefaultNetwork(runtime));
  [instances, leases, ports] = await Promise.all([
    store.bucket('instance'),
    store.bucket('address'),
    store.bucket('port'),
  ]);
  bus.subscribe(subjects.alarm('address-lost'), ({ data }) => alarms.push(facts.alarm.body.decode(data).message));
});
afterAll(() => runtimes.stop());
beforeEach(() => {
  alarms = [];
});

/** An instance and its port; its record names that only when its allocation has been answered. */
async function plugged({ isNamed }: { isNamed: boolean }): Promise<Port & { address: string; key: string }> {
  const uuid = runtime.chance.uuid();
  const address = `10.20.0.${++counter}`;
  const port: Port = {
    id: portIdOf(uuid, 0),
    networkId: subnet.networkId,
    projectId: 'project',
    instanceUuid: uuid,
    host: 'host1',
    attempt: 1,
    mac: `fa:16:3e:00:00:${counter}`,
    fixedIps: [{ subnetId: subnet.id, address }],
    securityGroups: [],
    createdAt: 1,
  };
  const { id, networkId, mac } = port;
  const { chart, ...record } = newInstance(uuid, { networks: [{ networkId, mac }] });
  const context = { ...chart.context, ports: isNamed ? [{ id, networkId, mac, addresses: [address] }] : [] };
  await instances.create(uuid, { ...record, chart: { ...chart, context } });
  await ports.create(id, port);
  return { ...port, address, key: leaseKey(subnet.id, address) };
}

async function lease({ id: portId, instanceUuid }: Port, key: string): Promise<void> {
  await leases.put(key, { portId, instanceUuid, attempt: 1, leasedAt: 1 });
}

async function begin(clock = new HeldClock()): Promise<void> {
  const controller = await startNetworkController(await runtimes.connect(clock));
  onTestFinished(() => controller.stop());
}

it('is leased its address again also when no record names the port yet', async () => {
  const port = await plugged({ isNamed: false });
  await begin();
  expect((await leases.get(port.key))?.value).toEqual({
    portId: port.id,
    instanceUuid: port.instanceUuid,
    attempt: 1,
    leasedAt: 1,
  });
  expect((await ports.get(port.id))?.value.fixedIps).toEqual(port.fixedIps);
});

it('goes when no record names it yet, and another has its address', async () => {
  const [port, other] = [await plugged({ isNamed: false }), await plugged({ isNamed: true })];
  await lease(other, other.key);
  await lease(other, port.key);
  await begin();
  expect(await ports.get(port.id)).toBeUndefined();
  expect((await leases.get(port.key))?.value.portId).toBe(other.id);
  expect(alarms).toEqual([]);
});

it('is leased its address again when the other that had it is gone, and an alarm is raised once until then', async () => {
  const [port, other] = [await plugged({ isNamed: true }), await plugged({ isNamed: true })];
  await lease(other, other.key);
  await lease(other, port.key);
  const clock = new HeldClock();
  await begin(clock);
  const raised = () => alarms.filter((message) => message.includes(port.instanceUuid));
  await eventually(() => raised()[0]);
  const sweep = () => eventually(() => clock.endWaits() || undefined);
  await sweep();
  await sweep();
  await eventually(() => clock.isHolding || undefined);
  expect(raised()).toHaveLength(1);

  await Promise.all([instances.remove(other.instanceUuid), ports.remove(other.id), leases.remove(port.key)]);
  await sweep();
  await eventually(async () => ((await leases.get(port.key))?.value.portId === port.id ? true : undefined));
});

it('is leased its address again also when the record of another instance cannot be read', async () => {
  const [port, other] = [await plugged({ isNamed: true }), await plugged({ isNamed: true })];
  const { chart, ...record } = newInstance(other.instanceUuid);
  const { ports: _, ...context } = chart.context;
  const stored = await rawBucket(runtime.bus, instances);
  await stored.put(other.instanceUuid, JSON.stringify({ ...record, chart: { ...chart, context } }));
  await begin();
  expect((await leases.get(port.key))?.value.portId).toBe(port.id);
});
