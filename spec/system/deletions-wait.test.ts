/** A failure story: deletions were accepted, and the host that is to do them lives, and can do nothing yet. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startDeletionSweep } from '../../actors/controller/deletion-sweep.ts';
import { computeCasts } from '../../transport/messages/internal.ts';
import { idHeader } from '../../transport/nats/message-id.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { HeldClock } from '../support/held-clock.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

const sweepEveryMs = 5_000;
const sweeps = 30;
const launches = [1, 2, 3];
let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud({ hosts: [] });
});
afterAll(() => cloud.stop());

it('none waits for another, and the host finds each of them a few times, not once for every sweep', async () => {
  const host = await cloud.addHost({ name: 'host1' });
  const instances = await Promise.all(launches.map(() => cloud.create()));
  for (const { uuid } of instances) await cloud.until(uuid, ({ state }) => state === 'running');
  const hypervisor = cloud.hypervisors.get('host1');
  await host.stop();
  const connect = hypervisor?.hang('connect');
  const returning = cloud.addHost({ name: 'host1' });
  const hosts = await cloud.runtime.store.view('host');
  await eventually(() =>
    [...hosts.values()].some(({ hypervisorState }) => hypervisorState === 'connecting') ? true : undefined,
  );

  const runtime = await cloud.connect();
  const { request } = runtime.bus;
  const ids: string[] = [];
  runtime.bus.request = (subject, payload, options) => {
    if (subject === subjects.computeCast('host1', computeCasts.commandInstance.name))
      ids.push(options.headers?.get(idHeader) ?? '');
    return request(subject, payload, options);
  };
  const bucket = await cloud.runtime.store.bucket('instance');
  for (const { uuid } of instances) {
    const record = (await bucket.get(uuid))?.value;
    if (record) await cloud.write('instance', uuid, { ...record, isDeletionAsked: true });
  }
  const clock = new HeldClock(sweepEveryMs);
  const stop = await startDeletionSweep({ ...runtime, clock, isStopping: () => false });
  for (let sweep = 1; sweep < sweeps; sweep++) {
    // A sweep has ended when the next one is waited for.
    await eventually(() => (clock.isHolding ? true : undefined), sweepEveryMs);
    clock.aheadMs += sweepEveryMs;
    clock.endWaits();
  }
  await eventually(() => (clock.isHolding ? true : undefined));
  stop();

  // At once, and after 20 s, 60 s, and 140 s.
  expect(ids).toHaveLength(4 * launches.length);
  expect(new Set(ids).size).toBe(ids.length);
  connect?.();
  await returning;
  for (const { uuid } of instances) await cloud.until(uuid, ({ state }) => state === 'deleted');
});
