import { expect, it, onTestFinished } from 'vitest';
import { startCompute } from '../../actors/compute/compute.ts';
import { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import { consumers, encodeToken, streams } from '../../transport/nats/subjects.ts';
import { startTestRuntimes } from '../support/runtimes.ts';
import { eventually } from '../support/test-cloud.ts';

it('takes up no casts when it is stopped while it reconciles: nobody would stop that again', async () => {
  const runtimes = await startTestRuntimes();
  onTestFinished(() => runtimes.stop());
  const runtime = await runtimes.connect();
  const hypervisor = new SimulatedHypervisor({ clock: systemClock, chance: systemChance, latencyMs: 0 });
  const goOn = hypervisor.hang('listGuests');
  const listGuests = hypervisor.listGuests.bind(hypervisor);
  let listing: Promise<unknown> | undefined;
  hypervisor.listGuests = () => {
    const domains = listGuests();
    listing = domains;
    return domains;
  };
  const capacity = { vcpus: 8, memoryMb: 8192, diskGb: 100 };
  const host = await startCompute(runtime, { name: 'host1', hypervisor, capacity });
  await eventually(() => listing !== undefined || undefined);
  expect((await runtime.store.view('host')).get(encodeToken('host1'))?.hypervisorState).not.toBe('up');

  const stopping = host.stop();
  goOn();
  await Promise.all([stopping, listing]);
  // What a reconciliation that went on would have asked for is at the server before this.
  await runtime.bus.nats.connection.flush();
  await expect(runtime.bus.nats.manager.consumers.info(streams.casts.name, consumers.compute('host1'))).rejects.toThrow(
    'consumer not found',
  );
});
