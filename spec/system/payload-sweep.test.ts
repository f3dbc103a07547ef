/** What was to be put on guests is kept as long as a record may come to name it, and no longer. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startPayloadSweep } from '../../actors/controller/payload-sweep.ts';
import { payloadKey } from '../../actors/records/keys.ts';
import { systemChance } from '../../transport/clock.ts';
import { api } from '../../transport/messages/api.ts';
import { buckets } from '../../transport/messages/records.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { HeldClock } from '../support/held-clock.ts';
import { eventually, quickPulse, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud({ pulse: quickPulse });
});
afterAll(() => cloud.stop());

const keys = async () => (await (await cloud.runtime.store.bucket('payload')).keys()).toSorted();

/** Another controller's, which looks when `again` says so. */
async function startSweep() {
  const clock = new HeldClock();
  // Whoever's clock is an hour ahead takes nothing away for that.
  clock.aheadMs = 3_600_000;
  const runtime = await cloud.connect();
  const stop = await startPayloadSweep({ ...runtime, clock });
  // A sweep has ended when the next one is waited for.
  const ended = () => eventually(() => (clock.isHolding ? true : undefined));
  await ended();
  return {
    stop,
    async again() {
      clock.endWaits();
      await ended();
    },
  };
}

it('removes what no record names when it finds it twice, and nothing that is in force', async () => {
  const payloads = await cloud.runtime.store.bucket('payload');
  const { uuid } = await cloud.create({ adminPassword: 'first' });
  await cloud.until(uuid, ({ state }) => state === 'running');
  await cloud.client.ask(api.instance.rebuild, { uuid, adminPassword: 'second' });
  await cloud.until(uuid, ({ state }) => state === 'running');
  const [first, second = ''] = await keys();
  expect(first).toBe(uuid);
  const neverRecorded = systemChance.uuid();
  await payloads.put(neverRecorded, { adminPassword: 'nobody’s' });

  const { stop, again } = await startSweep();
  expect(await keys()).toEqual([uuid, second, neverRecorded].toSorted());
  await again();
  expect(await keys()).toEqual([second]);
  await again();
  expect(await keys()).toEqual([second]);
  stop();
});

it('removes at its first look what was put on an instance that is deleted', async () => {
  const payloads = await cloud.runtime.store.bucket('payload');
  const { uuid } = await cloud.create({ adminPassword: 'last' });
  await cloud.until(uuid, ({ state }) => state === 'running');
  await cloud.client.ask(api.instance.delete, { uuid });
  await cloud.until(uuid, ({ state }) => state === 'deleted');
  await eventually(async () => ((await payloads.get(uuid)) ? undefined : true));
  // As they are left when every controller is killed just then.
  const left = [payloadKey(uuid), payloadKey(uuid, systemChance.uuid())];
  for (const key of left) await payloads.put(key, { adminPassword: 'last' });
  const { stop } = await startSweep();
  expect((await keys()).filter((key) => left.includes(key))).toEqual([]);
  stop();
});

it('keeps what belongs to a record that it cannot read, and goes on with the others', async () => {
  const { bus, store } = cloud.runtime;
  const [instances, payloads] = await Promise.all([store.bucket('instance'), store.bucket('payload')]);
  const { uuid } = await cloud.create({ adminPassword: 'kept' });
  await cloud.until(uuid, ({ state }) => state === 'running');
  // As another release would write it.
  const later = JSON.stringify({ ...(await instances.get(uuid))?.value, vmState: 'shelved' });
  await bus.request(subjects.record(buckets.instance.name, uuid), later, { timeoutMs: 5_000 });
  const neverRecorded = [0, 1, 2, 3].map(() => systemChance.uuid());
  for (const key of neverRecorded) await payloads.put(key, { adminPassword: 'nobody’s' });
  const { stop, again } = await startSweep();
  await again();
  const left = await keys();
  expect(left).toContain(uuid);
  expect(left.filter((key) => neverRecorded.includes(key))).toEqual([]);
  stop();
});

it('keeps what a host that is away has yet to hear of', async () => {
  const link = await cloud.addDistantHost({ name: 'away', zone: 'away' });
  const { uuid } = await cloud.create({ availabilityZone: 'away' });
  await cloud.until(uuid, ({ state }) => state === 'running');
  link.cut();
  await cloud.until(uuid, ({ hostStatus }) => hostStatus !== 'up');
  const awaited = payloadKey(uuid, systemChance.uuid());
  const payloads = await cloud.runtime.store.bucket('payload');
  await payloads.put(awaited, { adminPassword: 'under way' });
  const { stop, again } = await startSweep();
  for (let looks = 0; looks < 3; looks++) await again();
  expect(await keys()).toContain(awaited);
  link.mend();
  await cloud.until(uuid, ({ hostStatus }) => hostStatus === 'up');
  await eventually(async () => {
    await again();
    return (await keys()).includes(awaited) ? undefined : true;
  });
  stop();
});
