/** A failure story: the libvirt daemon dies under a host, or hangs, and comes back. */
import { describe, expect, it } from 'vitest';
import type { HypervisorEvent } from '../../actors/hypervisor/hypervisor.ts';
import { LibvirtClient } from '../../actors/libvirt/libvirt-client.ts';
import { FailureError } from '../../machines/failure.ts';
import { LinkLost } from '../../transport/libvirt/rpc-errors.ts';
import { startPrivateLibvirtd } from '../support/private-libvirtd.ts';
import { deadline, guestSpec, startTestHost } from './guests.ts';

describe('a libvirt daemon that dies', () => {
  it('fails the calls under way as unknown, and is connected to again when it is back', async () => {
    await using daemon = await startPrivateLibvirtd({ driver: 'test' });
    const client = new LibvirtClient({ uri: daemon.uri, firstBackoffMs: 20, mostBackoffMs: 100 });
    const events: string[] = [];
    client.onEvent((event) => events.push(event.type));
    await client.connect();

    // Held still, so that the calls are under way for sure.
    await daemon.freeze();
    const calls = Array.from({ length: 50 }, () => client.capabilities());
    const outcomes = Promise.allSettled(calls);
    await daemon.kill('KILL');
    const unknown = (await outcomes).map(
      (outcome) =>
        outcome.status === 'rejected' && outcome.reason instanceof LinkLost && outcome.reason.isResultUnknown,
    );
    expect(unknown.filter((isUnknown) => isUnknown)).toHaveLength(4);
    expect(client.isConnected).toBe(false);
    await expect(client.hostname()).rejects.toThrow(LinkLost);

    await daemon.start();
    await client.whenConnected(deadline());
    expect(await client.hostname()).not.toBe('');
    expect(events).toEqual(['connected', 'lost', 'connected']);
    client.close();
  });

  it('leaves guests running, whose events are heard again when it is back', async () => {
    await using host = await startTestHost('qemu');
    const { daemon, hypervisor, disks } = host;
    const events: HypervisorEvent[] = [];
    hypervisor.onEvent((event) => events.push(event));
    const statesOf = (uuid: string) =>
      events.flatMap((event) => (event.type === 'power' && event.uuid === uuid ? [event.powerState] : []));
    const [paused, removed] = [guestSpec(), guestSpec()];
    for (const guest of [paused, removed]) {
      await disks.create(guest, deadline());
      await hypervisor.createDomain(guest, deadline());
      await expect.poll(() => statesOf(guest.uuid).at(-1)).toBe('running');
    }

    await daemon.kill('KILL');
    await expect.poll(() => hypervisor.isConnected).toBe(false);
    await expect(hypervisor.powerState(paused.uuid)).rejects.toMatchObject({
      failure: { code: 'hypervisor_unavailable', disposition: 'retry' },
    });
    events.length = 0;

    // Asked for while nobody can do it; done once the daemon is back.
    const pausing = hypervisor.pause(paused.uuid, deadline());
    await daemon.start();
    await pausing;
    expect(await hypervisor.powerState(removed.uuid)).toBe('running');
    await hypervisor.destroyDomain(removed.uuid, deadline());
    await expect.poll(() => statesOf(removed.uuid).at(-1)).toBe('absent');
    expect(events[0]).toEqual({ type: 'connected' });
    expect(statesOf(paused.uuid)).toEqual(['paused']);
  });

  it('misses what happened meanwhile, and tells of it when it is back', async () => {
    await using host = await startTestHost('qemu');
    const { daemon, hypervisor, disks } = host;
    const guest = guestSpec();
    await disks.create(guest, deadline());
    await hypervisor.createDomain(guest, deadline());
    const events: HypervisorEvent[] = [];
    hypervisor.onEvent((event) => events.push(event));
    await daemon.kill('TERM');
    await daemon.killGuests();
    await daemon.start();
    await expect
      .poll(() => events.at(-1), { timeout: 20_000 })
      .toMatchObject({
        type: 'power',
        uuid: guest.uuid,
        powerState: expect.stringMatching(/shutdown|crashed/),
      });
  });

  it('settles a creation that broke: it is done once, whoever did it', async () => {
    await using host = await startTestHost('qemu');
    const { daemon, hypervisor, disks } = host;
    const guest = guestSpec();
    await disks.create(guest, deadline());
    for (const signal of ['KILL', 'TERM'] as const) {
      const created = hypervisor.createDomain(guest, deadline());
      await daemon.kill(signal);
      await daemon.start();
      await created;
      expect(await hypervisor.powerState(guest.uuid)).toBe('running');
      expect(await hypervisor.listGuests(deadline())).toHaveLength(1);
      await hypervisor.destroyDomain(guest.uuid, deadline());
    }
  });

  it('is waited for only until the signal of the step aborts', async () => {
    await using host = await startTestHost('test');
    await host.daemon.kill('TERM');
    await expect.poll(() => host.hypervisor.isConnected).toBe(false);
    const guest = guestSpec();
    const cancel = new AbortController();
    const created = host.hypervisor.createDomain(guest, cancel.signal);
    cancel.abort();
    await expect(created).rejects.toMatchObject({ failure: { code: 'cancelled' } });
    const late = host.hypervisor.createDomain(guest, AbortSignal.timeout(10));
    await expect(late).rejects.toMatchObject({ failure: { code: 'timeout' } });
    await expect(late).rejects.toThrow(FailureError);
  });
});
