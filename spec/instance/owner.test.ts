import { afterAll, beforeAll, expect, it } from 'vitest';
import { ownStore } from '../../actors/instance/instance-store.ts';
import { commandKey, InstanceOwner, type OwnerWorld } from '../../actors/instance/owner.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { fail } from '../../machines/failure.ts';
import { systemChance } from '../../transport/clock.ts';
import { facts, type InstanceFact } from '../../transport/messages/internal.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { type Bucket, conflict } from '../../transport/nats/bucket.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { newInstance } from '../support/records.ts';
import { startTestRuntimes, type TestRuntimes } from '../support/runtimes.ts';

let runtimes: TestRuntimes;
let runtime: Runtime;
let bucket: Bucket<Instance>;
beforeAll(async () => {
  runtimes = await startTestRuntimes();
  runtime = await runtimes.connect();
  bucket = await runtime.store.bucket('instance');
});
afterAll(() => runtimes.stop());

const noHost = { code: 'no_valid_host', message: 'there is none', disposition: 'abort' } as const;

/** An owner of an instance that waits for a host, and what it tells. */
async function own(through: Bucket<Instance> = bucket, more: Partial<OwnerWorld> = {}) {
  const told: InstanceFact[] = [];
  const bus: Bus = { ...runtime.bus, send: (_, payload) => told.push(facts.instance.body.decode(bytesOf(payload))) };
  const world: OwnerWorld = {
    name: 'control',
    effects: {},
    store: ownStore(bus, through),
    clock: runtime.clock,
    logger: runtime.logger,
    ...more,
  };
  const record = newInstance(systemChance.uuid());
  const revision = await bucket.create(record.uuid, record);
  if (revision === conflict) throw new Error('the uuid is taken');
  return { owner: new InstanceOwner(world, record, revision), world, told, uuid: record.uuid };
}

/** As a client does through a controller. */
async function rename(uuid: string, name: string): Promise<void> {
  const entry = await bucket.get(uuid);
  if (!entry || (await bucket.update(uuid, { ...entry.value, name }, entry.revision)) === conflict) {
    throw new Error('the rename came too late');
  }
}

const bytesOf = (payload: string | Uint8Array) => Buffer.from(payload);
const failure = () => ({ type: 'placement.failed', at: runtime.clock.now(), failure: noHost }) as const;

it('writes no earlier time over a later one: of two records the later one shows it, whoever’s clocks wrote them', async () => {
  const { owner, uuid } = await own();
  const anHourAhead = Date.now() + 3_600_000;
  const entry = await bucket.get(uuid);
  if (!entry) throw new Error('there is no instance');
  await bucket.update(uuid, { ...entry.value, updatedAt: anHourAhead }, entry.revision);
  await owner.send({ type: 'placement.failed', failure: noHost, at: Date.now() });
  expect((await bucket.get(uuid))?.value).toMatchObject({ vmState: 'error', updatedAt: anHourAhead });
});

it('stores no earlier time than that of what it stores, when the clock was put back before the store answered', async () => {
  const at = Date.now() + 60_000;
  let aheadMs = 60_000;
  const clock = { ...runtime.clock, now: () => Date.now() + aheadMs };
  const away: Bucket<Instance> = {
    ...bucket,
    async update(key, value, revision) {
      if (aheadMs === 0) return bucket.update(key, value, revision);
      aheadMs = 0;
      throw fail('unavailable', 'the store is away', { disposition: 'retry' });
    },
  };
  const { owner } = await own(away, { clock });
  await owner.send({ type: 'placement.failed', failure: noHost, at });
  expect(owner.record.updatedAt).toBeGreaterThanOrEqual(at);
});

it('keeps what a client edited in between, and tells its facts under the new name', async () => {
  const { owner, told, uuid } = await own();
  await rename(uuid, 'renamed');
  await owner.send(failure());
  const stored = await bucket.get(uuid);
  expect(stored?.value).toMatchObject({
    name: 'renamed',
    vmState: 'error',
    chart: { value: { failed: 'scheduling' } },
  });
  expect(stored?.revision).toBe(owner.revision);
  expect(told.map(({ type, name }) => [type, name])).toEqual([
    ['compute.instance.create.error', 'renamed'],
    ['transition', 'renamed'],
  ]);
});

it('knows its own write again when the answer was lost, also when a client has edited it since', async () => {
  let losses = 1;
  let edit: (() => Promise<void>) | undefined;
  const lossy: Bucket<Instance> = {
    ...bucket,
    async update(key, value, revision) {
      const outcome = await bucket.update(key, value, revision);
      if (losses-- <= 0) return outcome;
      await edit?.();
      throw fail('unavailable', 'the answer was lost', { disposition: 'retry' });
    },
  };
  const { owner, told, uuid } = await own(lossy);
  edit = () => rename(uuid, 'renamed');
  await owner.send(failure());
  expect((await bucket.get(uuid))?.value).toMatchObject({ name: 'renamed', vmState: 'error' });
  expect(told.filter(({ type }) => type === 'transition')).toHaveLength(1);
});

it('stops, and tells nothing, when another has moved the life on', async () => {
  const { owner, told, uuid } = await own();
  const entry = await bucket.get(uuid);
  const other = new InstanceOwner(
    {
      name: 'control',
      effects: {},
      store: ownStore(runtime.bus, bucket),
      clock: runtime.clock,
      logger: runtime.logger,
    },
    entry?.value ?? newInstance(uuid),
    entry?.revision ?? 0,
  );
  await other.send(failure());
  await expect(owner.send(failure())).rejects.toMatchObject({ failure: { code: 'conflict' } });
  expect(told).toEqual([]);
});

it('tells what is under way as the request that led to it, also when another one was refused meanwhile', async () => {
  const { owner } = await own();
  const { callContext } = owner;
  const stranger = { ...callContext, requestId: 'req-stranger' };
  await expect(owner.send({ type: 'instance.start', at: runtime.clock.now() }, stranger)).rejects.toThrow('conflict');
  expect(owner.callContext).toBe(callContext);
});

it('has nothing under way when an effect has ended from which nothing follows', async () => {
  const settled = Promise.withResolvers<InstanceOwner>();
  const effects = { requestPlacement: { isDurable: true, run: async () => {} } };
  const { owner } = await own(bucket, { effects, onSettle: settled.resolve });
  owner.start();
  expect(await settled.promise).toBe(owner);
  expect([owner.state, owner.isBusy]).toEqual(['scheduling', false]);
});

it('leaves an effect that another has to do to the one whose the instance is, as it is stored', async () => {
  const released = Promise.withResolvers<InstanceOwner>();
  const { owner, uuid } = await own(bucket, { name: { host: 'host1' }, onRelease: released.resolve });
  const before = await bucket.get(uuid);
  owner.start();
  expect(await released.promise).toBe(owner);
  expect(await bucket.get(uuid)).toEqual(before);
  await expect(owner.send(failure())).rejects.toMatchObject({ failure: { code: 'conflict' } });
});

it('takes a command once, and knows which it took last when a client has edited the record meanwhile', async () => {
  const { owner, uuid } = await own();
  const [id, other] = [systemChance.uuid(), systemChance.uuid()];
  const asked = (id: string) => commandKey(id, owner.record);
  const remove = { type: 'instance.delete', at: runtime.clock.now() } as const;
  await rename(uuid, 'renamed');
  const revision = await owner.command(remove, asked(id), newContext());
  expect(await bucket.get(uuid)).toMatchObject({
    revision,
    value: { name: 'renamed', lastCommand: id, vmState: 'deleted' },
  });
  expect(await owner.command(remove, asked(id), newContext())).toBe(revision);
  const stop = { type: 'instance.stop', at: runtime.clock.now() } as const;
  await expect(owner.command(stop, commandKey(other, newInstance(uuid)), newContext())).rejects.toThrow('moved on');
});

it('gives up what is new when the store has no room for it, and asks for ever for nothing that nobody has heard of', async () => {
  const full = async () => {
    throw fail('unavailable', 'the state store is full: resource limits exceeded', { details: { store: 'full' } });
  };
  const released = Promise.withResolvers<InstanceOwner>();
  const { world, told } = await own({ ...bucket, create: full }, { onRelease: released.resolve });
  const owner = new InstanceOwner(world, newInstance(systemChance.uuid()), 0);
  owner.start();
  await expect(owner.durable()).rejects.toMatchObject({ failure: { code: 'unavailable' } });
  expect([await released.promise, owner.isBusy, told]).toEqual([owner, false, []]);
  await expect(owner.send(failure())).rejects.toMatchObject({ failure: { code: 'unavailable' } });
});

it('asks for a while only for what is new and perhaps stored, and tells whoever waits that the store does not answer', async () => {
  let tries = 0;
  const silent = async () => {
    tries += 1;
    throw fail('unavailable', 'the state store does not answer: timeout', { disposition: 'retry' });
  };
  const { world } = await own({ ...bucket, create: silent });
  const record = { ...newInstance(systemChance.uuid()), createdAt: runtime.clock.now() - 4_400 };
  const owner = new InstanceOwner(world, record, 0);
  owner.start();
  await expect(owner.durable()).rejects.toMatchObject({ failure: { message: expect.stringContaining('not answer') } });
  expect(tries).toBeGreaterThan(1);
});
