import { expect, it, onTestFinished } from 'vitest';
import { startCompute } from '../../actors/compute/compute.ts';
import { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import type { Host } from '../../transport/messages/records.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { encodeToken } from '../../transport/nats/subjects.ts';
import { startTestRuntimes } from '../support/runtimes.ts';
import { eventually } from '../support/test-cloud.ts';

it('takes no casts while it is down, also when its hypervisor is lost as it begins to take them', async () => {
  const runtimes = await startTestRuntimes();
  onTestFinished(() => runtimes.stop());
  const runtime = await runtimes.connect();
  const hypervisor = new SimulatedHypervisor({ clock: systemClock, chance: systemChance, latencyMs: 0 });
  const taking = new Set<number>();
  const taken = Promise.withResolvers<void>();
  let begun = 0;
  const consume: Bus['consume'] = async () => {
    begun += 1;
    const consumer = begun;
    // It comes back: its second.
    if (consumer === 2) await taken.promise;
    taking.add(consumer);
    return { stop: async () => void taking.delete(consumer) };
  };
  const capacity = { vcpus: 8, memoryMb: 8192, diskGb: 100 };
  const pulse = { beatEveryMs: 50, deadAfterMs: 15_000 };
  const host = await startCompute(
    { ...runtime, pulse, bus: { ...runtime.bus, consume } },
    { name: 'host1', hypervisor, capacity },
  );
  onTestFinished(() => host.stop());
  const hosts = await runtime.store.view('host');
  const bucket = await runtime.store.bucket('host');
  const shown = (isSo: (record: Host) => boolean) =>
    eventually(() => {
      const entry = hosts.entry(encodeToken('host1'));
      return entry && isSo(entry.value) ? entry : undefined;
    });
  await shown(({ hypervisorState }) => hypervisorState === 'up');

  await eventually(async () => {
    const { key, value, revision } = await shown(() => true);
    return typeof (await bucket.update(key, { ...value, down: { since: 1 } }, revision)) === 'number' || undefined;
  });
  await eventually(() => begun === 2 || undefined);
  hypervisor.loseConnection();
  await shown(({ hypervisorState, down }) => hypervisorState === 'away' && down !== undefined);
  taken.resolve();
  await eventually(() => taking.size === 0 || undefined);

  hypervisor.restoreConnection();
  await shown(({ hypervisorState, down }) => hypervisorState === 'up' && down === undefined);
  expect([...taking]).toEqual([3]);
});
