import { afterEach, describe, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { buckets } from '../../transport/messages/records.ts';
import { imageName, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
afterEach(() => cloud.stop());

const roomy = { vcpus: 8, memoryMb: 8192, diskGb: 100 };

describe('a host that refuses a launch', () => {
  it('sends it back with the reason, and the launch ends where it fits', async () => {
    // The chance policy does not look at memory, so that only the host's own claim stands in the way.
    cloud = await startTestCloud({
      scheduler: { policy: 'chance' },
      controller: { maxAttempts: 3 },
      hosts: [
        { name: 'tiny1', capacity: { ...roomy, memoryMb: 64 } },
        { name: 'tiny2', capacity: { ...roomy, memoryMb: 64 } },
        { name: 'roomy', capacity: roomy },
      ],
    });
    const created = await Promise.all([1, 2, 3, 4].map(() => cloud.create()));
    for (const { uuid } of created) {
      const running = await cloud.until(uuid, ({ vmState }) => vmState === 'active' || vmState === 'error');
      expect(running).toMatchObject({ state: 'running', host: 'roomy' });
      const record = (await (await cloud.runtime.store.bucket('instance')).get(uuid))?.value;
      const tried = record?.chart.context.tried as { host: string; failure: { code: string } }[];
      expect(tried).toHaveLength(running.attempt - 1);
      for (const { host, failure } of tried) {
        expect(host).toMatch(/^tiny/);
        expect(failure).toMatchObject({ code: 'claim_refused', details: { resource: 'memoryMb', requested: 128 } });
      }
    }
  });

  it('leaves a fault that names what was tried when nobody takes it', async () => {
    cloud = await startTestCloud({
      scheduler: { policy: 'chance' },
      hosts: [{ name: 'tiny', capacity: { ...roomy, memoryMb: 64 } }],
    });
    const { uuid } = await cloud.create();
    const failed = await cloud.until(uuid, ({ vmState }) => vmState === 'error');
    expect(failed).toMatchObject({ state: 'failed.scheduling', attempt: 2, fault: { code: 'no_valid_host' } });
  });

  it('refuses an image that has become larger than the flavor’s disk since the launch was accepted', async () => {
    cloud = await startTestCloud();
    const { image } = await cloud.client.ask(api.image.get, { image: imageName });
    const release = cloud.hypervisors.get('host1')?.hang('powerState');
    const { uuid } = await cloud.create({ flavor: 'm1.tiny' });
    await cloud.client.ask(api.image.update, { image: image.id, minDiskGb: 2 });
    release?.();
    const failed = await cloud.until(uuid, ({ vmState }) => vmState === 'error');
    expect(failed).toMatchObject({ state: 'failed.building', ports: [], fault: { code: 'image_too_large' } });
  });

  it('makes anew what its hypervisor has of an instance of which it has yet to make anything', async () => {
    cloud = await startTestCloud();
    const release = cloud.hypervisors.get('host1')?.hang('powerState');
    const { uuid } = await cloud.create();
    await cloud.until(uuid, ({ state }) => state === 'building.checking');
    const hypervisor = cloud.hypervisors.get('host1');
    const guest = {
      uuid,
      domainName: 'foreign',
      displayName: 'foreign',
      projectId: 'p',
      userId: 'u',
      flavor: { name: 'f', vcpus: 1, memoryMb: 64, rootGb: 0 },
      image: { id: uuid, name: 'i', diskFormat: 'none' as const },
      ports: [],
      configDrive: { hostname: 'h', availabilityZone: 'z', metadata: {}, publicKeys: [], files: [] },
    };
    const { signal } = new AbortController();
    await hypervisor?.prepareFilter(guest, signal);
    await hypervisor?.createDisks(guest, signal);
    await hypervisor?.createDomain(guest, signal);
    const told: string[] = [];
    hypervisor?.onEvent((event) => event.type === 'power' && told.push(event.powerState));
    release?.();
    const running = await cloud.until(uuid, ({ state }) => state === 'running');
    expect(running.ports).toHaveLength(1);
    expect(told).toEqual(['shutdown', 'absent', 'running']);
    expect(hypervisor?.leftovers().domains).toEqual([uuid]);
  });
});

describe('the network', () => {
  it('fails the launch when it has no address left, and nothing is held', async () => {
    cloud = await startTestCloud();
    const subnets = await cloud.runtime.store.bucket('subnet');
    const view = await cloud.runtime.store.view('subnet');
    const [subnet] = view.entries();
    if (!subnet) throw new Error(`${buckets.subnet.name} is empty`);
    const only = subnet.value.allocation.first;
    const revision = await subnets.put(subnet.key, { ...subnet.value, allocation: { first: only, last: only } });
    await view.reached(revision);

    const first = await cloud.create();
    await cloud.until(first.uuid, ({ state }) => state === 'running');
    const second = await cloud.create();
    const failed = await cloud.until(second.uuid, ({ vmState }) => vmState === 'error');
    expect(failed).toMatchObject({
      state: 'failed.networking',
      ports: [],
      fault: { code: 'no_more_addresses', step: 'networking' },
    });
    expect(cloud.hypervisors.get('host1')?.leftovers().disks).toEqual([first.uuid]);
  });
});
