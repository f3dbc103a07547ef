/**
 * Heap of an instance in the process of its host, by many that are there at once: settled, when it runs and its chart
 * sleeps, and in flight, when its chart waits for the network; what is left of one that nobody keeps any more, which
 * should be nothing; and in the view that a part has of all instances.
 *
 * The owners and the chart are the real ones; effects take no time, and the store says yes.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { transition } from 'xstate';
import { presentRecord, restoreSettled } from '../../actors/instance/chart-snapshot.ts';
import type { EffectImplementation } from '../../actors/instance/effect-runner.ts';
import { type EffectName, provideEffects } from '../../actors/instance/effects.ts';
import { InstanceOwner, type OwnerWorld } from '../../actors/instance/owner.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import { instanceMachine } from '../../machines/instance.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import { buckets, type Instance } from '../../transport/messages/records.ts';
import type { Bucket } from '../../transport/nats/bucket.ts';
import { newInstance } from '../support/records.ts';
import type { Report } from './report.ts';

const host = 'bench';
/** What an owner's timers and promises need to come to rest. */
const settleMs = 100;
/** What is compiled and cached with the first instances is nobody's in particular. */
const warmUps = 200;

export async function measureHeap(report: Report, { instances }: { instances: number }): Promise<void> {
  const settled = await measure(instances, () => own(worldOf({}), 'running'));
  const inFlight = await measure(instances, () => own(worldOf({ allocateNetwork: waiting() }), 'networking'));
  const viewed = await measure(instances, () => async (index) => {
    const value = buckets.instance.record.decode(encoded(await settledRecord()));
    return { key: value.uuid, value, revision: index };
  });
  const forgotten = await measure(instances, () => own(worldOf({}), 'running'), false);
  report.add('heap.instances', instances, 1);
  report.add('heap.settled.bytes', settled, instances);
  report.add('heap.inFlight.bytes', inFlight, instances);
  report.add('heap.forgotten.bytes', forgotten, instances);
  report.add('heap.viewed.bytes', viewed, instances);
}

type Maker = (index: number) => Promise<{ uuid: string } | { key: string }>;

async function measure(count: number, begin: () => Maker, isKept = true): Promise<number> {
  const make = begin();
  const kept = new Map<number, unknown>();
  const fill = async (from: number, to: number) => {
    for (let index = from; index < to; index++) {
      const instance = await make(index);
      if (isKept) kept.set(index, instance);
    }
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    return usedHeap();
  };
  const before = await fill(0, warmUps);
  const after = await fill(warmUps, warmUps + count);
  if (isKept && kept.size !== warmUps + count) throw new Error('an instance was lost');
  for (const instance of kept.values()) if (instance instanceof InstanceOwner) await instance.halt();
  return (after - before) / count;
}

/** Owns a new instance, as a host does that was just given it, and waits until it has come to `state`. */
function own(world: OwnerWorld, state: string): Maker {
  return async () => {
    const owner = new InstanceOwner(world, buckets.instance.record.decode(encoded(placedRecord())), 1);
    owner.start();
    for (let turn = 0; owner.state !== state; turn++) {
      if (turn > 1_000) throw new Error(`an instance is ${owner.state}, and should be ${state}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await owner.durable();
    return owner;
  };
}

let lastSettled: Instance | undefined;

/** A record as a running instance has it, each with an identity of its own. */
async function settledRecord(): Promise<Instance> {
  if (!lastSettled) {
    const owner = await own(worldOf({}), 'running')(0);
    if (!(owner instanceof InstanceOwner)) throw new TypeError('it is an owner');
    lastSettled = owner.record;
  }
  const uuid = systemChance.uuid();
  const text = JSON.stringify(lastSettled).replaceAll(lastSettled.uuid, uuid);
  return JSON.parse(text);
}

function placedRecord(): Instance {
  const record = newInstance(systemChance.uuid(), {
    networks: [{ networkId: systemChance.uuid(), mac: 'fa:16:3e:00:00:01' }],
  });
  const event = { type: 'instance.scheduled', host, at: record.createdAt } as const;
  const [next] = transition(instanceMachine, restoreSettled(instanceMachine, record.chart), event);
  return presentRecord(next, record);
}

function encoded(record: Instance): Uint8Array {
  return Buffer.from(buckets.instance.record.encode(record));
}

function worldOf(effects: Partial<Record<EffectName, EffectImplementation>>): OwnerWorld {
  const names = Object.keys(instanceMachine.implementations.actors) as EffectName[];
  const instant = Object.fromEntries(names.map((name) => [name, done()]));
  return {
    name: { host },
    machine: provideEffects({ ...instant, allocateNetwork: allocated(), ...effects }),
    bucket: agreeable(),
    clock: systemClock,
    logger: createLogger('fatal'),
    publish: () => {},
  };
}

const done = (): EffectImplementation => ({ isDurable: false, run: async () => {} });
const waiting = (): EffectImplementation => ({
  isDurable: true,
  run: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
});
const allocated = (): EffectImplementation => ({
  isDurable: true,
  run: async ({ owner }) => ({
    ports: owner.record.networks.map(({ networkId, mac }) => ({
      id: systemChance.uuid(),
      networkId,
      mac,
      addresses: ['10.20.0.2'],
    })),
  }),
});

/** A store that agrees to every write, and keeps none. */
function agreeable(): Bucket<Instance> {
  let revision = 1;
  const next = async () => ++revision;
  return {
    kind: buckets.instance,
    stored: undefined as never,
    look: async () => ({ value: undefined, revision: 0 }),
    keys: async () => [],
    writtenAt: async () => undefined,
    get: async () => undefined,
    create: next,
    update: next,
    put: next,
    remove: async () => undefined,
    decide: next,
  };
}

function usedHeap(): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}
