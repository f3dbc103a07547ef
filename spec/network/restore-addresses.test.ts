/** A store that has lost what the network controller had written, and kept the records of the instances. */
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { adminProject } from '../../actors/identity/first-admin.ts';
import { AddressBook, leaseKey } from '../../actors/network/address-book.ts';
import { readAddressRecords } from '../../actors/network/address-records.ts';
import { startNetworkController } from '../../actors/network/network-controller.ts';
import { PortBook, portIdOf } from '../../actors/network/port-book.ts';
import { NetworkCatalog } from '../../actors/network/port-plan.ts';
import { restoreAddresses } from '../../actors/network/restore-addresses.ts';
import { SeenBefore } from '../../actors/runtime/seen-before.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import type { AddressLease, Port } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import { rawBucket } from '../support/raw-bucket.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
let ports: Bucket<Port>;
let leases: Bucket<AddressLease>;
let instance: InstanceView;
let port: Port;
let key: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  await cloud.client.ask(api.quota.set, { projectId: adminProject, instances: -1, vcpus: -1, memoryMb: -1 });
  const { store } = cloud.runtime;
  [ports, leases] = await Promise.all([store.bucket('port'), store.bucket('address')]);
});
afterAll(() => cloud.stop());

beforeEach(async () => {
  ({ instance, port, key } = await launch());
});

async function launch(): Promise<{ instance: InstanceView; port: Port; key: string }> {
  const { uuid } = await cloud.create();
  const launched = await cloud.until(uuid, ({ state }) => state === 'running');
  const { value } = await eventually(() => ports.get(portIdOf(uuid, 0)));
  const [{ subnetId, address } = { subnetId: '', address: '' }] = value.fixedIps;
  return { instance: launched, port: value, key: leaseKey(subnetId, address) };
}

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

it('restores the rest of a port of which another has an address by now', async () => {
  const [other, former] = [await launch(), await launch()];
  await cloud.client.ask(api.instance.delete, { uuid: former.instance.uuid });
  await cloud.until(former.instance.uuid, ({ state }) => state === 'deleted');
  await ports.put(port.id, { ...port, fixedIps: [...port.fixedIps, ...former.port.fixedIps] });
  await leases.put(key, { portId: other.port.id, instanceUuid: other.instance.uuid, leasedAt: 1 });
  await begin();
  expect((await leases.get(former.key))?.value.portId).toBe(port.id);
  await ports.remove(port.id);
  await begin();
  expect((await ports.get(port.id))?.value.fixedIps).toEqual(port.fixedIps);
  expect((await leases.get(key))?.value.portId).toBe(other.port.id);
});

it.each(['port', 'lease'] as const)('leaves a %s as it is that it cannot read, and goes on', async (what) => {
  const later = await launch();
  await Promise.all([ports.remove(later.port.id), leases.remove(later.key)]);
  const [bucket, unreadable, lost] = what === 'port' ? [ports, port.id, key] : [leases, key, port.id];
  const stored = await rawBucket(cloud.runtime.bus, bucket);
  await stored.put(unreadable, 'of a later release');
  onTestFinished(() => stored.delete(unreadable));
  await (what === 'port' ? leases : ports).remove(lost);
  await begin();
  expect((await stored.get(unreadable))?.string()).toBe('of a later release');
  expect(what === 'port' ? (await leases.get(key))?.value.portId : (await ports.get(port.id))?.value.id).toBe(port.id);
  expect((await ports.get(later.port.id))?.value.fixedIps).toEqual(later.port.fixedIps);
  expect((await leases.get(later.key))?.value.portId).toBe(later.port.id);
});

it('neither writes nor tells anything of an instance that is launched while it looks', async () => {
  const runtime = await cloud.connect();
  const [catalog, addresses, portBook, bucket] = await Promise.all([
    NetworkCatalog.open(runtime),
    AddressBook.open(runtime),
    PortBook.open(runtime),
    runtime.store.bucket('instance'),
  ]);
  const told: string[] = [];
  const launched: Awaited<ReturnType<typeof launch>>[] = [];
  const { stored } = bucket;
  // It has looked at the ports when it looks at the instances.
  const launching: typeof bucket = {
    ...bucket,
    stored: {
      lastRevision: () => stored.lastRevision(),
      async watch(...watched) {
        launched.push(await launch());
        return stored.watch(...watched);
      },
    },
  };
  const books = {
    catalog,
    addresses,
    ports: portBook,
    instances: launching,
    clock: runtime.clock,
    logger: pino({ level: 'warn' }, { write: (line) => void told.push(line) }),
    seen: new SeenBefore(),
    raised: new SeenBefore(),
    alarm: ({ message }: { message: string }) => void told.push(message),
  };
  await restoreAddresses(books, await readAddressRecords(books));
  const [one] = launched;
  if (!one) throw new Error('it has not looked at the instances');
  expect((await ports.get(one.port.id))?.value).toEqual(one.port);
  expect(told.filter((line) => line.includes(one.instance.uuid))).toEqual([]);
});
