import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { HypervisorEvent } from '../../actors/hypervisor/hypervisor.ts';
import { fail } from '../../machines/failure.ts';
import { deadline, guestSpec, startTestHost } from './guests.ts';

describe('the libvirt hypervisor, with QEMU', () => {
  it('says what it is', async () => {
    await using host = await startTestHost('qemu');
    const facts = await host.hypervisor.connect();
    expect(facts).toMatchObject({ type: 'QEMU', virtType: 'qemu' });
    expect(facts.version).toBeGreaterThan(4_000_000);
    expect(facts.architectures).toContain('x86_64');
  });

  it('creates a domain once, however often it is asked, and removes all of it', async () => {
    await using host = await startTestHost('qemu');
    const { hypervisor, disks } = host;
    const guest = guestSpec();
    const { uuid } = guest;
    await disks.create(guest, deadline());
    await Promise.all([1, 2, 3].map(() => hypervisor.createDomain(guest, deadline())));
    await hypervisor.createDomain(guest, deadline());
    await hypervisor.waitForBoot(uuid, deadline());
    expect(await hypervisor.listGuests(deadline())).toEqual([{ uuid, powerState: 'running' }]);

    await hypervisor.destroyDomain(uuid, deadline());
    await hypervisor.destroyDomain(uuid, deadline());
    expect(await hypervisor.powerState(uuid)).toBe('absent');
    await hypervisor.removeDisks(uuid, deadline());
    expect(await hypervisor.listGuests(deadline())).toEqual([]);
  });

  it('brings a guest into each power state, and back, and tells of it', async () => {
    await using host = await startTestHost('qemu');
    const { hypervisor, disks } = host;
    const guest = guestSpec();
    const { uuid } = guest;
    const seen: string[] = [];
    hypervisor.onEvent((event) => {
      if (event.type === 'power' && event.uuid === uuid) seen.push(event.powerState);
    });
    await disks.create(guest, deadline());
    await hypervisor.createDomain(guest, deadline());

    const steps: [string, () => Promise<void>][] = [
      ['paused', () => hypervisor.pause(uuid, deadline())],
      ['running', () => hypervisor.unpause(uuid, deadline())],
      ['suspended', () => hypervisor.suspend(uuid, deadline())],
      ['running', () => hypervisor.resume(uuid, deadline())],
      ['running', () => hypervisor.reboot(uuid, 'hard', deadline())],
      // Firmware does not hear the power button: the plug is pulled.
      ['shutdown', () => hypervisor.stop(uuid, 300, deadline())],
      ['running', () => hypervisor.start(uuid, deadline())],
    ];
    for (const [powerState, act] of steps) {
      await act();
      expect(await hypervisor.powerState(uuid)).toBe(powerState);
      await expect.poll(() => seen.at(-1)).toBe(powerState);
      await act();
      expect(await hypervisor.powerState(uuid)).toBe(powerState);
    }
    await hypervisor.destroyDomain(uuid, deadline());
    await expect.poll(() => seen.at(-1)).toBe('absent');
  });

  it('defines a guest that is off anew, and one that has no domain yet, and starts neither', async () => {
    await using host = await startTestHost('qemu');
    const { hypervisor, disks } = host;
    const guest = guestSpec();
    const { uuid } = guest;
    const wide = { ...guest, flavor: { ...guest.flavor, vcpus: 2, memoryMb: 96 } };
    await disks.create(guest, deadline());
    await hypervisor.defineDomain(guest, deadline());
    expect(await hypervisor.powerState(uuid)).toBe('shutdown');
    await hypervisor.start(uuid, deadline());
    await hypervisor.stop(uuid, 0, deadline());
    await hypervisor.defineDomain(wide, deadline());
    await hypervisor.defineDomain(wide, deadline());
    expect(await hypervisor.powerState(uuid)).toBe('shutdown');
    await hypervisor.start(uuid, deadline());
    const domain = await hypervisor.client.domainByUuid(uuid);
    if (!domain) throw new Error('there is no domain');
    expect(await hypervisor.client.domainXml(domain, false)).toMatch(/<memory unit='KiB'>98304<.*>2<\/vcpu>/s);
    expect(await hypervisor.listGuests(deadline())).toHaveLength(1);
  });

  it('removes a guest that was suspended, with what was saved of it', async () => {
    await using host = await startTestHost('qemu');
    const { hypervisor, disks } = host;
    const guest = guestSpec();
    await disks.create(guest, deadline());
    await hypervisor.createDomain(guest, deadline());
    await hypervisor.suspend(guest.uuid, deadline());
    await hypervisor.destroyDomain(guest.uuid, deadline());
    expect(await hypervisor.powerState(guest.uuid)).toBe('absent');
  });

  it('rejects with domain_lost when the guest is gone while its boot is waited for', async () => {
    await using host = await startTestHost('qemu');
    const { hypervisor, disks } = host;
    const guest = guestSpec();
    await disks.create(guest, deadline());
    await hypervisor.createDomain(guest, deadline());
    await hypervisor.pause(guest.uuid, deadline());
    const booted = hypervisor.waitForBoot(guest.uuid, deadline());
    await Promise.all([
      expect(booted).rejects.toMatchObject({ failure: { code: 'domain_lost' } }),
      hypervisor.destroyDomain(guest.uuid, deadline()),
    ]);
    await expect(hypervisor.start(guest.uuid, deadline())).rejects.toMatchObject({
      failure: { code: 'domain_lost' },
    });
  });

  it('fails clean when a file of the guest is missing', async () => {
    await using host = await startTestHost('qemu');
    const guest = guestSpec();
    const created = host.hypervisor.createDomain(guest, deadline());
    await expect(created).rejects.toMatchObject({
      failure: { code: 'hypervisor_error', disposition: 'reschedule' },
    });
    await host.hypervisor.destroyDomain(guest.uuid, deadline());
    expect(await host.hypervisor.listGuests(deadline())).toEqual([]);
  });

  it('gives the failure that a signal aborts with', async () => {
    await using host = await startTestHost('qemu');
    const { hypervisor, disks } = host;
    const guest = guestSpec();
    await disks.create(guest, deadline());
    await hypervisor.createDomain(guest, deadline());
    const timeout = new AbortController();
    const stopped = hypervisor.stop(guest.uuid, 60_000, timeout.signal);
    timeout.abort(fail('timeout', 'stopping took too long', { disposition: 'retry' }));
    await expect(stopped).rejects.toMatchObject({ failure: { code: 'timeout', disposition: 'retry' } });
    await expect(hypervisor.pause(guest.uuid, AbortSignal.abort())).rejects.toMatchObject({
      failure: { code: 'cancelled' },
    });
  });

  it('reads the end of the console', async () => {
    await using host = await startTestHost('qemu');
    const { hypervisor, disks } = host;
    const guest = guestSpec();
    expect(await hypervisor.consoleLog(guest.uuid, 100)).toBe('');
    await disks.create(guest, deadline());
    await writeFile(disks.consoleLog(guest.uuid), 'the beginning, and the end');
    expect(await hypervisor.consoleLog(guest.uuid, 7)).toBe('the end');
    expect(await hypervisor.consoleLog(guest.uuid, 1_000)).toBe('the beginning, and the end');
    await writeFile(`${disks.consoleLog(guest.uuid)}.0`, ' before ');
    await writeFile(`${disks.consoleLog(guest.uuid)}.1`, 'long');
    expect(await hypervisor.consoleLog(guest.uuid, 35)).toBe('g before the beginning, and the end');
  });
});

describe("the libvirt hypervisor, with libvirt's test driver", () => {
  it('reboots a guest softly, though the driver never says so', async () => {
    await using host = await startTestHost('test');
    const guest = guestSpec();
    await host.hypervisor.createDomain(guest, deadline());
    await host.hypervisor.reboot(guest.uuid, 'soft', deadline());
    await host.hypervisor.stop(guest.uuid, 1_000, deadline());
    await host.hypervisor.reboot(guest.uuid, 'soft', deadline());
    expect(await host.hypervisor.powerState(guest.uuid)).toBe('running');
  });

  it('creates a hundred guests and tells of each', async () => {
    await using host = await startTestHost('test');
    const { hypervisor } = host;
    const running = new Set<string>();
    const note = (event: HypervisorEvent) => {
      if (event.type === 'power' && event.powerState === 'running') running.add(event.uuid);
    };
    hypervisor.onEvent(note);
    const guests = Array.from({ length: 100 }, () => guestSpec());
    await Promise.all(guests.map((guest) => hypervisor.createDomain(guest, deadline())));
    await expect.poll(() => running.size).toBe(100);
    // Without the one the driver begins with, which is none of ours.
    expect(await hypervisor.listGuests(deadline())).toHaveLength(100);
  });
});
