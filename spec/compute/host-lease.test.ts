import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startCompute } from '../../actors/compute/compute.ts';
import { commandedRecord } from '../../actors/compute/host-chart.ts';
import { HostLease, type LeaseHolder } from '../../actors/compute/host-lease.ts';
import { type Pulse, standardPulse } from '../../actors/runtime/pulse.ts';
import { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import type { Host, HostCommand } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import { newHost } from '../support/records.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

/** Slow enough for a host that lives on a busy machine. */
const pulse: Pulse = { beatEveryMs: 1_000, deadAfterMs: 3_000 };
let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud({ hosts: [{ name: 'host1' }], pulse });
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

  it('stops once, however often it is told to, and its chart hears of nothing afterwards', async () => {
    const warn = vi.spyOn(console, 'warn');
    const part = await cloud.addHost({ name: 'stopping' });
    await Promise.all([part.stop(), part.stop()]);
    await part.stop();
    const bucket = await cloud.runtime.store.bucket('host');
    expect((await bucket.get('stopping'))?.value.hypervisorState).toBe('stopped');
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  it('is taken over from a process that has died, when its record has been still for a while', async () => {
    const bucket = await cloud.runtime.store.bucket('host');
    const dead = await take(bucket, 'dead');
    await dead.lease.renew(dead.holder);

    const heir = await take(bucket, 'dead');
    expect(heir.earlier).toMatchObject({ name: 'dead', hypervisorState: 'up' });
    await heir.lease.renew(heir.holder);
    await expect(dead.lease.renew(dead.holder)).rejects.toMatchObject({ failure: { code: 'conflict' } });
    await heir.lease.renew(heir.holder);
  });

  it('is certain of itself for no longer than another watches it that wants it', async () => {
    const bucket = await cloud.runtime.store.bucket('host');
    const { lease, holder } = await take(bucket, 'certain');
    expect(lease.isSure).toBe(false);
    await lease.renew(holder);
    expect(lease.isSure).toBe(true);
    const watching = Date.now();
    await take(bucket, 'certain');
    expect(Date.now() - watching).toBeGreaterThanOrEqual(1.5 * pulse.beatEveryMs - 1);
    expect(lease.isSure).toBe(false);
    await expect(lease.renew(holder)).resolves.toEqual(expect.any(Number));
    expect(lease.isSure).toBe(true);
  });

  it('is taken over at once from a process that has stopped in order', async () => {
    const bucket = await cloud.runtime.store.bucket('host');
    const first = await take(bucket, 'stopped', { hypervisorState: 'stopped' });
    await first.lease.renew(first.holder);
    const startedAt = Date.now();
    await take(bucket, 'stopped', {}, standardPulse);
    expect(Date.now() - startedAt).toBeLessThan(standardPulse.beatEveryMs);
  });
});

describe('what a controller writes into a host’s record', () => {
  it('takes no living process’s lease: the process does what is wanted, and goes on', async () => {
    const bucket = await cloud.runtime.store.bucket('host');
    const { lease, holder, obeyed } = await take(bucket, 'unheard');
    await lease.renew(holder);
    await disable(bucket, 'unheard');
    const revision = await lease.renew(holder);
    expect(obeyed).toEqual([wanted]);
    const entry = await bucket.get('unheard');
    expect(entry).toMatchObject({ revision });
    // Once is enough.
    expect(entry?.value.commandedMeanwhile).toBeUndefined();
    await lease.renew(holder);
    expect(obeyed).toEqual([wanted]);
  });

  it('makes no dead host look alive: it is taken over all the same, also between watching and the first renewal', async () => {
    const bucket = await cloud.runtime.store.bucket('host');
    const dead = await take(bucket, 'watched');
    await dead.lease.renew(dead.holder);
    const before = await bucket.get('watched');

    const taking = take(bucket, 'watched');
    await disable(bucket, 'watched');
    expect(await bucket.get('watched')).toMatchObject({
      value: { heartbeatAt: before?.value.heartbeatAt, incarnation: before?.value.incarnation, service: 'disabled' },
    });
    const heir = await taking;
    expect(heir.earlier).toMatchObject({ service: 'disabled', disabledReason: wanted.reason });
    await disable(bucket, 'watched');
    await heir.lease.renew(heir.holder);
    expect(heir.obeyed).toEqual([wanted]);
    await expect(dead.lease.renew(dead.holder)).rejects.toMatchObject({ failure: { code: 'conflict' } });
  });

  it('that is that the host is down, is no end of its lease, but the process learns of it, and shows itself so', async () => {
    const bucket = await cloud.runtime.store.bucket('host');
    const { lease, holder, fenced } = await take(bucket, 'fenced');
    await lease.renew(holder);
    const entry = await bucket.get('fenced');
    if (!entry) throw new Error('there is no host');
    await bucket.update('fenced', { ...entry.value, down: { since: 7 } }, entry.revision);
    await lease.renew(holder);
    expect(fenced).toEqual([{ since: 7 }]);
    expect((await bucket.get('fenced'))?.value.down).toEqual({ since: 7 });
    // A second process of its name does not wait for one that nobody hears.
    const startedAt = Date.now();
    expect((await take(bucket, 'fenced', {}, standardPulse)).earlier?.down).toEqual({ since: 7 });
    expect(Date.now() - startedAt).toBeLessThan(standardPulse.beatEveryMs);
  });
});

const wanted = { type: 'host.disable' as const, reason: 'its fan is loud', at: 1 };

/** Takes the lease as a process would that is that far. */
async function take(bucket: Bucket<Host>, name: string, more: Partial<Host> = {}, its = pulse) {
  const obeyed: HostCommand[] = [];
  const fenced: NonNullable<Host['down']>[] = [];
  const holder: LeaseHolder = {
    present: () => ({ ...newHost(name, more), ...(fenced[0] && { down: fenced[0] }) }),
    fence: (down) => fenced.push(down),
    obey: (command) => obeyed.push(command),
  };
  return {
    ...(await HostLease.take(bucket, name, systemChance.uuid(), systemClock, its)),
    holder,
    obeyed,
    fenced,
  };
}

async function disable(bucket: Bucket<Host>, name: string): Promise<void> {
  const entry = await bucket.get(name);
  if (!entry) throw new Error(`there is no host ${name}`);
  expect(await bucket.update(name, commandedRecord(entry.value, wanted), entry.revision)).toEqual(expect.any(Number));
}
