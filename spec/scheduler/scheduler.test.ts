import { afterEach, beforeEach, expect, it } from 'vitest';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import type { Part, Runtime } from '../../actors/runtime/runtime.ts';
import { startScheduler } from '../../actors/scheduler/scheduler.ts';
import { computeCasts, facts, schedulerCasts } from '../../transport/messages/internal.ts';
import type { Image, Instance } from '../../transport/messages/records.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { cast, consumeCasts, onCast } from '../../transport/nats/cast.ts';
import { consumers, encodeToken, subjects } from '../../transport/nats/subjects.ts';
import { holdDeadLetters } from '../support/dead-letters.ts';
import { newHost, newInstance } from '../support/records.ts';
import { startTestRuntimes, type TestRuntimes } from '../support/runtimes.ts';
import { eventually } from '../support/test-cloud.ts';

type Stored = { record: Instance; revision: number };

let runtimes: TestRuntimes;
let runtime: Runtime;
let parts: Part[];
/** What the hosts were cast: each launch is one message, whatever became of it on the way. */
let arrived: { host: string; stored: Stored }[];

beforeEach(async () => {
  runtimes = await startTestRuntimes();
  runtime = await runtimes.connect();
  parts = [];
  arrived = [];
});
afterEach(async () => {
  for (const part of parts) await part.stop();
  await runtimes.stop();
});

async function addHost(...[name, more]: Parameters<typeof newHost>): Promise<void> {
  await (await runtime.store.bucket('host')).put(encodeToken(name), newHost(name, more));
  parts.push(
    await consumeCasts(runtime.bus, {
      durable: consumers.compute(name),
      subject: subjects.computeCasts(name),
      deadLetters: holdDeadLetters(),
      handlers: [onCast(computeCasts.runInstance, async (stored) => void arrived.push({ host: name, stored }))],
      onFailure: () => undefined,
    }),
  );
}

async function startWith(...given: Parameters<typeof startScheduler>[1][]): Promise<void> {
  for (const options of given) parts.push(await startScheduler(await runtimes.connect(), options));
}

let count = 0;
async function record(more: Partial<Instance> = {}): Promise<Stored> {
  const instance = newInstance(nameUuid('instance', String(count++)), more);
  const revision = await (await runtime.store.bucket('instance')).create(instance.uuid, instance);
  return { record: instance, revision: Number(revision) };
}

const ask = (stored: Stored, id = `${stored.record.uuid}-1-place`) =>
  cast(runtime.bus, subjects.schedulerCast('run_instance'), schedulerCasts.runInstance, stored, {
    id,
    context: newContext(),
  });

async function storedOf({ record: { uuid } }: Stored): Promise<Stored> {
  const entry = await (await runtime.store.bucket('instance')).get(uuid);
  if (!entry) throw new Error(`there is no instance ${uuid}`);
  return { record: entry.value, revision: entry.revision };
}

const until = (stored: Stored, is: (now: Stored) => boolean) =>
  eventually(async () => {
    const now = await storedOf(stored);
    return is(now) ? now : undefined;
  });

/** Resolves when the work queue has no cast left for the schedulers. */
const untilIdle = () =>
  eventually(async () => {
    const info = await runtime.bus.nats.manager.consumers.info('CLOUD_CASTS', consumers.scheduler());
    return info.num_pending + info.num_ack_pending === 0 ? true : undefined;
  });

it('places an instance, tells of it, and casts it to its host', async () => {
  await addHost('host.one');
  await startWith({});
  const told: unknown[] = [];
  runtime.bus.nats.connection.subscribe('cloud.fact.instance.>', {
    callback: (_, message) => void told.push(facts.instance.body.decode(message.data)),
  });
  const asked = await record();
  await ask(asked);
  const placed = await until(asked, ({ record: { owner } }) => owner !== 'control');
  expect(placed.record).toMatchObject({
    owner: { host: 'host.one' },
    vmState: 'building',
    chart: { value: { building: 'checking' }, context: { host: 'host.one', attempt: 1 } },
  });
  expect(placed.record.taskState).toBeUndefined();
  // The host finds the effect that it has to run, with its key.
  const [child] = Object.values(placed.record.chart.children ?? {}) as { src: string; snapshot: { input: unknown } }[];
  expect(child).toMatchObject({ src: 'checkLaunch', snapshot: { input: { uuid: asked.record.uuid, attempt: 1 } } });
  await eventually(() => arrived[0]);
  expect(arrived).toEqual([{ host: 'host.one', stored: placed }]);
  await eventually(() => told[0]);
  expect(told).toMatchObject([
    { type: 'transition', from: 'scheduling', to: 'building.checking', host: 'host.one', attempt: 1 },
  ]);
});

it('waits with a launch for a host whose hypervisor is away, instead of failing it', async () => {
  const away = newHost('away', { hypervisorState: 'away' });
  await addHost('away', { hypervisorState: 'away' });
  await startWith({});
  const asked = await record({ availabilityZone: 'nova' });
  await ask(asked);
  // That it was looked at shows when a later one, which has a host, is placed before it.
  await addHost('other', { availabilityZone: 'elsewhere' });
  const later = await record({ availabilityZone: 'elsewhere' });
  await ask(later);
  await until(later, ({ record: { owner } }) => owner !== 'control');
  expect((await until(asked, () => true)).record.vmState).toBe('building');
  await (await runtime.store.bucket('host')).put('away', { ...away, hypervisorState: 'up' });
  expect((await until(asked, ({ record: { owner } }) => owner !== 'control')).record.owner).toEqual({ host: 'away' });
});

it('fails a launch for which there is no host, and says why', async () => {
  await addHost('small', { capacity: { vcpus: 1, memoryMb: 100, diskGb: 10 } });
  await addHost('gone', { heartbeatAt: Date.now() - 60_000, down: { since: Date.now() - 45_000 } });
  await startWith({});
  const told: { type: string }[] = [];
  runtime.bus.nats.connection.subscribe('cloud.fact.instance.>', {
    callback: (_, message) => void told.push(facts.instance.body.decode(message.data)),
  });
  const asked = await record();
  await ask(asked);
  const failed = await until(asked, ({ record: { vmState } }) => vmState === 'error');
  expect(failed.record).toMatchObject({
    owner: 'control',
    chart: {
      value: { failed: 'scheduling' },
      context: {
        fault: {
          code: 'no_valid_host',
          step: 'scheduling',
          message: expect.stringMatching(
            /^no host of 2 will do: 1 .+ \(ComputeFilter\), 1 with less than \d+ MB .+ \(RamFilter\)$/,
          ),
          details: { hosts: 2, removedBy: { RamFilter: 1, ComputeFilter: 1 } },
        },
      },
    },
  });
  await eventually(() => told[1]);
  expect(told.map(({ type }) => type).toSorted()).toEqual(['compute.instance.create.error', 'transition']);
  await untilIdle();
  expect(arrived).toEqual([]);
});

it('drops a launch that was deleted while it waited', async () => {
  await addHost('host1');
  const asked = await record();
  const bucket = await runtime.store.bucket('instance');
  const chart = { ...asked.record.chart, value: 'deleted', status: 'done' as const };
  await bucket.update(asked.record.uuid, { ...asked.record, vmState: 'deleted', chart }, asked.revision);
  await startWith({});
  await ask(asked);
  await untilIdle();
  expect((await storedOf(asked)).record.vmState).toBe('deleted');
  expect(arrived).toEqual([]);
});

it('decides anew when the record was edited meanwhile', async () => {
  await addHost('host1');
  const asked = await record();
  const bucket = await runtime.store.bucket('instance');
  await bucket.update(asked.record.uuid, { ...asked.record, name: 'renamed' }, asked.revision);
  await startWith({});
  await ask(asked);
  const placed = await until(asked, ({ record: { owner } }) => owner !== 'control');
  expect(placed.record).toMatchObject({ name: 'renamed', owner: { host: 'host1' } });
});

it('drops a cast of an earlier attempt', async () => {
  await addHost('host1');
  const asked = await record();
  const bucket = await runtime.store.bucket('instance');
  const { chart } = asked.record;
  const later = { ...asked.record, chart: { ...chart, context: { ...chart.context, attempt: 2 } } };
  await bucket.update(asked.record.uuid, later, asked.revision);
  await startWith({});
  await ask(asked);
  await untilIdle();
  expect((await storedOf(asked)).record.chart.value).toBe('scheduling');
});

it('casts once more what was stored but not cast, and the host hears of it once', async () => {
  await addHost('host1');
  await addHost('host2');
  await startWith({}, {});
  const asked = await record();
  await ask(asked);
  const placed = await until(asked, ({ record: { owner } }) => owner !== 'control');
  await ask(asked, 'again');
  await ask(asked, 'and-again');
  await untilIdle();
  expect((await storedOf(asked)).revision).toBe(placed.revision);
  expect(arrived).toEqual([{ host: (placed.record.owner as { host: string }).host, stored: placed }]);
});

it('casts what a scheduler stored before it died', async () => {
  await addHost('host1');
  await startWith({});
  const model = await record();
  await ask(model);
  const placed = await until(model, ({ record: { owner } }) => owner !== 'control');
  const asked = await record();
  const { uuid } = asked.record;
  const { chart } = placed.record;
  const stored = { ...placed.record, uuid, chart: { ...chart, context: { ...chart.context, uuid } } };
  const revision = await (await runtime.store.bucket('instance')).update(uuid, stored, asked.revision);
  await ask(asked);
  await eventually(() => arrived[1]);
  expect(arrived[1]).toEqual({ host: 'host1', stored: { record: stored, revision } });
});

it('fills a host to the brim and not beyond, also when all launches come at once', async () => {
  await addHost('host1', { capacity: { vcpus: 8, memoryMb: 262_144, diskGb: 4096 } });
  await addHost('host2', { capacity: { vcpus: 8, memoryMb: 262_144, diskGb: 4096 } });
  await startWith({});
  const all = await Promise.all(Array.from({ length: 20 }, () => record()));
  await Promise.all(all.map((stored) => ask(stored)));
  const ended = await Promise.all(all.map((stored) => until(stored, (now) => now.record.chart.value !== 'scheduling')));
  const hosts = ended.map(({ record: { owner } }) => (owner === 'control' ? 'none' : owner.host));
  expect(hosts.toSorted()).toEqual(
    ['host1', 'host2', 'none'].flatMap((host) => Array(host === 'none' ? 4 : 8).fill(host)),
  );
});

it('places each launch once when two schedulers share the queue', async () => {
  for (const name of ['a', 'b', 'c']) await addHost(name);
  await startWith({}, {});
  const all = await Promise.all(Array.from({ length: 60 }, () => record()));
  await Promise.all(all.map((stored) => ask(stored)));
  await eventually(() => (arrived.length >= 60 ? true : undefined));
  await untilIdle();
  expect(arrived.length).toBe(60);
  expect(new Set(arrived.map(({ stored }) => stored.record.uuid)).size).toBe(60);
});

it('keeps a server group’s instances apart, and passes over hosts that did not work out', async () => {
  for (const name of ['a', 'b', 'c']) await addHost(name);
  const group = nameUuid('group', 'test');
  await startWith({});
  await (await runtime.store.bucket('serverGroup')).create(group, {
    id: group,
    name: 'apart',
    projectId: 'project',
    policy: 'anti-affinity',
    createdAt: 0,
  });
  const tried = newInstance(nameUuid('instance', 'tried'), { hints: { group } });
  tried.chart.context.tried = [{ host: 'a', failure: { code: 'internal', message: 'no', disposition: 'reschedule' } }];
  const revision = Number(await (await runtime.store.bucket('instance')).create(tried.uuid, tried));
  const all = [{ record: tried, revision }];
  await ask({ record: tried, revision });
  await until({ record: tried, revision }, (now) => now.record.owner !== 'control');
  for (let index = 0; index < 3; index++) {
    const stored = await record({ hints: { group } });
    all.push(stored);
    await ask(stored);
    await until(stored, (now) => now.record.chart.value !== 'scheduling');
  }
  const ended = await Promise.all(all.map(storedOf));
  const hosts = ended.map(({ record: { owner } }) => (owner === 'control' ? 'none' : owner.host));
  expect(hosts[0]).not.toBe('a');
  expect(hosts.slice(0, 3).toSorted()).toEqual(['a', 'b', 'c']);
  expect(hosts[3]).toBe('none');
});

it('places an image where its architecture is', async () => {
  await addHost('arm', { hypervisor: { ...newHost('').hypervisor, architectures: ['aarch64'] } });
  await addHost('intel');
  await startWith({});
  const image: Image = {
    id: nameUuid('image', 'arm'),
    name: 'arm',
    status: 'active',
    diskFormat: 'none',
    minDiskGb: 0,
    minMemoryMb: 0,
    properties: { architecture: 'arm64' },
    createdAt: 0,
  };
  await (await runtime.store.bucket('image')).create(image.id, image);
  const asked = await record({ imageId: image.id });
  await ask(asked);
  const placed = await until(asked, (now) => now.record.owner !== 'control');
  expect(placed.record.owner).toEqual({ host: 'arm' });
});

it('does not start with a filter that there is not', async () => {
  await expect(startScheduler(runtime, { filters: ['RamFilter', 'toString'] })).rejects.toThrow('"toString"');
});
