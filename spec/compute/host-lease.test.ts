import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCompute } from '../../actors/compute/compute.ts';
import { HostLease } from '../../actors/compute/host-lease.ts';
import { systemChance, systemClock } from '../../actors/runtime/clock.ts';
import { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { newHost } from '../support/records.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud({ hosts: [{ name: 'host1' }] });
});
afterAll(() => cloud.stop());

describe('a host', () => {
  it('is run by one process: a second one of its name is refused, and what runs on the first goes on', async () => {
    const { uuid } = await cloud.create();
    await cloud.until(uuid, ({ state }) => state === 'running');
    const hypervisor = new SimulatedHypervisor({ clock: systemClock, chance: systemChance });
    const capacity = { vcpus: 8, memoryMb: 8192, diskGb: 100 };
    await expect(startCompute(await cloud.connect(), { name: 'host1', hypervisor, capacity })).rejects.toMatchObject({
      failure: { code: 'conflict', message: expect.stringContaining('host1') },
    });
    await cloud.until(uuid, ({ state }) => state === 'running');
  });

  it('is taken over from a process that has died, when its record has been still for a while', async () => {
    const bucket = await cloud.runtime.store.bucket('host');
    const { incarnation: _, ...record } = {
      ...newHost('dead'),
      heartbeatAt: Date.now(),
      hypervisorState: 'up' as const,
    };
    const dead = await HostLease.take(bucket, 'dead', systemChance.uuid(), systemClock);
    await dead.lease.renew(record);

    const heir = await HostLease.take(bucket, 'dead', systemChance.uuid(), systemClock);
    expect(heir.earlier).toMatchObject({ name: 'dead', hypervisorState: 'up' });
    await heir.lease.renew(record);
    await expect(dead.lease.renew(record)).rejects.toMatchObject({ failure: { code: 'conflict' } });
    await heir.lease.renew(record);
  });

  it('is taken over at once from a process that has stopped in order', async () => {
    const bucket = await cloud.runtime.store.bucket('host');
    const { incarnation: _, ...record } = { ...newHost('stopped'), heartbeatAt: Date.now() };
    const first = await HostLease.take(bucket, 'stopped', systemChance.uuid(), systemClock);
    await first.lease.renew({ ...record, hypervisorState: 'stopped' });
    const startedAt = Date.now();
    await HostLease.take(bucket, 'stopped', systemChance.uuid(), systemClock);
    expect(Date.now() - startedAt).toBeLessThan(2_000);
  });
});
