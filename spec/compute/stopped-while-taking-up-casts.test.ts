import { expect, it, onTestFinished } from 'vitest';
import { startCompute } from '../../actors/compute/compute.ts';
import { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { fail } from '../../machines/failure.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import type { CastConsumer } from '../../transport/nats/cast.ts';
import { encodeToken } from '../../transport/nats/subjects.ts';
import { startTestRuntimes } from '../support/runtimes.ts';

it('ends its host and its hypervisor when its casts cannot be taken up any more', async () => {
  const runtimes = await startTestRuntimes();
  onTestFinished(() => runtimes.stop());
  const runtime = await runtimes.connect();
  const hypervisor = new SimulatedHypervisor({ clock: systemClock, chance: systemChance, latencyMs: 0 });
  let isClosed = false;
  const close = hypervisor.close.bind(hypervisor);
  hypervisor.close = () => {
    isClosed = true;
    return close();
  };
  const isTakingUp = Promise.withResolvers<void>();
  const takingUp = Promise.withResolvers<CastConsumer>();
  const consume = () => {
    isTakingUp.resolve();
    return takingUp.promise;
  };
  const capacity = { vcpus: 8, memoryMb: 8192, diskGb: 100 };
  const host = await startCompute(
    { ...runtime, bus: { ...runtime.bus, consume } },
    { name: 'host1', hypervisor, capacity },
  );
  await isTakingUp.promise;

  const stopping = host.stop();
  takingUp.reject(fail('unavailable', 'the work queue does not answer', { disposition: 'retry' }));
  await stopping;
  expect(isClosed).toBe(true);
  const hosts = await runtime.store.bucket('host');
  expect((await hosts.get(encodeToken('host1')))?.value.hypervisorState).toBe('stopped');
});
