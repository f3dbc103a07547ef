import { expect, it, onTestFinished, vi } from 'vitest';
import { HostActor } from '../../actors/compute/host-actor.ts';
import { systemChance } from '../../transport/clock.ts';
import { HeldClock } from '../support/held-clock.ts';
import { newHost } from '../support/records.ts';
import { startTestRuntimes } from '../support/runtimes.ts';
import { eventually } from '../support/test-cloud.ts';

it('says once that its host is another’s, and tries nothing more, also in the midst of its return', async () => {
  const runtimes = await startTestRuntimes();
  onTestFinished(() => runtimes.stop());
  // Whatever is to be tried again at a later beat is held.
  const clock = new HeldClock(1_000);
  const runtime = await runtimes.connect(clock);
  const hosts = await runtime.store.bucket('host');
  const effects = {
    async connectHypervisor() {
      const { value } = await eventually(() => hosts.get('host1'));
      await hosts.put('host1', { ...value, incarnation: systemChance.uuid(), heartbeatAt: clock.now() });
    },
    reconcileInstances: vi.fn(async () => undefined),
    holdCasts: vi.fn(),
  };
  const warn = vi.spyOn(console, 'warn');
  onTestFinished(() => warn.mockRestore());
  const onLost = vi.fn();
  const host = await HostActor.start(runtime, 'host1', effects, () => newHost('host1'), onLost);
  await expect.poll(() => onLost.mock.calls.length).toBeGreaterThan(0);
  await expect.poll(() => clock.isHolding).toBe(false);

  await expect(host.command({ type: 'host.disable', reason: 'it is late', at: clock.now() })).rejects.toThrow(
    'taken over',
  );
  host.send({ type: 'hypervisor.connected', at: clock.now() });
  await host.stop();
  expect(onLost).toHaveBeenCalledTimes(1);
  expect(effects.reconcileInstances).not.toHaveBeenCalled();
  expect(warn).not.toHaveBeenCalled();
});
