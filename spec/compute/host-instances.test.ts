/** Who may touch a guest, of those that want to at the same time. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Claims } from '../../actors/compute/claims.ts';
import { GuestReports } from '../../actors/compute/guest-reports.ts';
import { GuestSpecs } from '../../actors/compute/guest-specs.ts';
import { HostInstances } from '../../actors/compute/host-instances.ts';
import { defaultRecovery } from '../../actors/compute/recovery-settings.ts';
import type { EffectJob } from '../../actors/instance/effect-runner.ts';
import { ownStore } from '../../actors/instance/instance-store.ts';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { newInstance } from '../support/records.ts';
import { startTestRuntimes, type TestRuntimes } from '../support/runtimes.ts';

let runtimes: TestRuntimes;
let runtime: Runtime;
beforeAll(async () => {
  runtimes = await startTestRuntimes();
  runtime = await runtimes.connect();
});
afterAll(() => runtimes.stop());

/** An effect that does not end by itself. */
function untilLeft({ signal }: EffectJob): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

async function openInstances(): Promise<HostInstances> {
  const { bus, store, clock, logger } = runtime;
  const name = 'host1';
  const [bucket, images] = await Promise.all([store.bucket('instance'), store.view('image')]);
  const plenty = { vcpus: 8, memoryMb: 8192, diskGb: 100 };
  const claims = new Claims(plenty, { vcpus: 1, memoryMb: 1, diskGb: 1 });
  const specs = new GuestSpecs(bus, images, { name, availabilityZone: 'nova' });
  const hypervisor = { powerState: () => expect.fail('nothing is reported here') };
  const reports = new GuestReports(defaultRecovery, { hypervisor, clock, logger });
  return new HostInstances(
    { name, store: ownStore(bus, bucket), claims, specs, reports, clock, logger },
    { effects: { requestPlacement: { isDurable: true, run: untilLeft } } },
  );
}

it('a guest that nobody has is cleared away by one after the other, and launched only then', async () => {
  const instances = await openInstances();
  const uuid = nameUuid('test', 'stale');
  const done: string[] = [];
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const clearing = [first, second].map(({ promise }, index) =>
    instances.whileNobodyHas(uuid, async () => {
      done.push(`begin ${index}`);
      await promise;
      done.push(`end ${index}`);
    }),
  );
  const record = newInstance(uuid);
  const launching = instances.run({ record, revision: 1 }, newContext()).then(() => done.push('launch'));
  second.resolve();
  await runtime.bus.nats.connection.flush();
  expect(done).toEqual(['begin 0']);
  first.resolve();
  expect(await Promise.all(clearing)).toEqual([true, true]);
  await launching;
  expect(done).toEqual(['begin 0', 'end 0', 'begin 1', 'end 1', 'launch']);
  expect(await instances.whileNobodyHas(uuid, async () => expect.fail('somebody has it'))).toBe(false);
  await instances.halt();
});
