import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leaseKey } from '../../actors/network/address-book.ts';
import { ensureDefaultNetwork } from '../../actors/network/default-network.ts';
import { startNetworkController } from '../../actors/network/network-controller.ts';
import { portIdOf } from '../../actors/network/port-book.ts';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import type { Port, Subnet } from '../../transport/messages/records.ts';
import { HeldClock } from '../support/held-clock.ts';
import { newInstance } from '../support/records.ts';
import { startTestRuntimes, type TestRuntimes } from '../support/runtimes.ts';
import { eventually } from '../support/test-cloud.ts';

let runtimes: TestRuntimes;
let runtime: Runtime;
let subnet: Subnet;

beforeAll(async () => {
  runtimes = await startTestRuntimes();
  runtime = await runtimes.connect();
  ({ subnet } = await ensureDefaultNetwork(runtime));
});
afterAll(() => runtimes.stop());

const [gone, deleted, living, twice, later] = ['gone', 'deleted', 'living', 'twice', 'later'].map((name) =>
  nameUuid('test', name),
) as [string, string, string, string, string];

/** What is there at once, and what is left a while later. */
describe('a sweep', () => {
  it('gives back what nobody uses, and nothing else', async () => {
    const { store } = runtime;
    const [instances, leases, ports] = await Promise.all([
      store.bucket('instance'),
      store.bucket('address'),
      store.bucket('port'),
    ]);
    await instances.create(deleted, { ...newInstance(deleted), vmState: 'deleted' });
    await instances.create(living, newInstance(living));
    await instances.create(twice, newInstance(twice));
    // Where a chart of today has given back all that it had.
    const record = newInstance(later);
    await instances.create(later, { ...record, chart: { ...record.chart, version: 2, value: { failed: 'building' } } });
    const lease = (instanceUuid: string, address: string) =>
      leases.create(leaseKey(subnet.id, address), {
        portId: portIdOf(instanceUuid, 0),
        instanceUuid,
        leasedAt: Date.now(),
      });
    await lease(gone, '10.20.0.10');
    await lease(deleted, '10.20.0.11');
    await lease(living, '10.20.0.12');
    await lease(twice, '10.20.0.13');
    await lease(twice, '10.20.0.14');
    await lease(later, '10.20.0.15');
    await ports.create(portIdOf(deleted, 0), portOf(deleted, '10.20.0.11'));
    await ports.create(portIdOf(twice, 0), portOf(twice, '10.20.0.14'));

    const present = await store.view('address');
    const clock = new HeldClock();
    clock.aheadMs = 3_600_000;
    const young = await startNetworkController(await runtimes.connect(clock));
    // It ends when its sweep has: who sees something for the first time leaves it, however far ahead its clock is.
    await young.stop();
    expect(present.size).toBe(6);

    const controller = await startNetworkController(await runtimes.connect(clock));
    await eventually(() => {
      clock.endWaits();
      return present.size === 3 ? true : undefined;
    });
    await controller.stop();
    expect([...present.entries()].map(({ key }) => key).toSorted()).toEqual(
      ['10.20.0.12', '10.20.0.14', '10.20.0.15'].map((address) => leaseKey(subnet.id, address)),
    );
    expect(await ports.get(portIdOf(deleted, 0))).toBeUndefined();
    expect(await ports.get(portIdOf(twice, 0))).toBeDefined();
  });
});

function portOf(instanceUuid: string, address: string): Port {
  return {
    id: portIdOf(instanceUuid, 0),
    networkId: subnet.networkId,
    projectId: 'project',
    instanceUuid,
    host: 'host1',
    mac: instanceUuid === twice ? 'fa:16:3e:00:00:01' : 'fa:16:3e:00:00:02',
    fixedIps: [{ subnetId: subnet.id, address }],
    securityGroups: [],
    createdAt: Date.now(),
  };
}
