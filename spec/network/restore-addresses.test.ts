/** A store that has lost what the network controller had written, and kept the records of the instances. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { leaseKey } from '../../actors/network/address-book.ts';
import { startNetworkController } from '../../actors/network/network-controller.ts';
import { portIdOf } from '../../actors/network/port-book.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import type { AddressLease, Port } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
let ports: Bucket<Port>;
let leases: Bucket<AddressLease>;
let instance: InstanceView;
let port: Port;
let key: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  const { store } = cloud.runtime;
  [ports, leases] = await Promise.all([store.bucket('port'), store.bucket('address')]);
});
afterAll(() => cloud.stop());

beforeEach(async () => {
  const { uuid } = await cloud.create();
  instance = await cloud.until(uuid, ({ state }) => state === 'running');
  port = (await eventually(() => ports.get(portIdOf(uuid, 0)))).value;
  const [{ subnetId, address } = { subnetId: '', address: '' }] = port.fixedIps;
  key = leaseKey(subnetId, address);
});

/** Another controller, as far as it has begun. */
async function begin(): Promise<void> {
  const controller = await startNetworkController(await cloud.connect());
  await controller.stop();
}

it('has ports and leases again that instances know of, before it serves', async () => {
  await Promise.all([ports.remove(port.id), leases.remove(key)]);
  await begin();
  expect((await ports.get(port.id))?.value).toEqual({ ...port, createdAt: expect.any(Number) });
  expect((await leases.get(key))?.value).toMatchObject({ portId: port.id, instanceUuid: instance.uuid, attempt: 1 });
});

it('leases again what a port has', async () => {
  await leases.remove(key);
  await begin();
  expect((await leases.get(key))?.value).toMatchObject({ portId: port.id });
});

it('takes a port, and its lease, for that of the attempt that the instance knows of', async () => {
  const lease = await eventually(() => leases.get(key));
  await Promise.all([ports.put(port.id, { ...port, attempt: 3 }), leases.put(key, { ...lease.value, attempt: 3 })]);
  await begin();
  expect((await ports.get(port.id))?.value.attempt).toBe(1);
  expect((await leases.get(key))?.value.attempt).toBe(1);
});

it('takes an address back from one that has given it back', async () => {
  const other = await cloud.create();
  await cloud.until(other.uuid, ({ state }) => state === 'running');
  const lease = { portId: portIdOf(other.uuid, 0), instanceUuid: other.uuid, leasedAt: 1 };
  await cloud.client.ask(api.instance.delete, { uuid: other.uuid });
  await cloud.until(other.uuid, ({ state }) => state === 'deleted');
  await leases.put(key, lease);
  await begin();
  expect((await leases.get(key))?.value.portId).toBe(port.id);
});

it('tells of an address that another has by now, and leaves it there', async () => {
  const other = await cloud.create();
  await cloud.until(other.uuid, ({ state }) => state === 'running');
  const theirs = { portId: portIdOf(other.uuid, 0), instanceUuid: other.uuid, leasedAt: 1 };
  const alarms: string[] = [];
  cloud.client.followAlarms(({ kind, message }) => kind === 'address-lost' && alarms.push(message));
  await leases.put(key, theirs);
  await begin();
  expect((await leases.get(key))?.value.portId).toBe(theirs.portId);
  await eventually(() => alarms.find((message) => message.includes(instance.uuid) && message.includes(other.uuid)));
});
