/**
 * Instances of a host of the benchmark's: the owners and the chart are the real ones; effects take no time, and the
 * store says yes.
 */
import type { EffectImplementation, EffectName, Effects } from '../../actors/instance/effect-runner.ts';
import type { InstanceStore } from '../../actors/instance/instance-store.ts';
import { InstanceOwner, type OwnerWorld } from '../../actors/instance/owner.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import { instanceMachine } from '../../machines/instance.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import { buckets, type Instance } from '../../transport/messages/records.ts';
import { placedInstance } from '../support/records.ts';

const host = 'bench';

/** Owns a new instance, as a host does that was just given it, and waits until it has come to `state`. */
export function own(world: OwnerWorld, state: string): () => Promise<InstanceOwner> {
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
export async function settledRecord(): Promise<Instance> {
  lastSettled ??= (await own(worldOf({}), 'running')()).record;
  const uuid = systemChance.uuid();
  const text = JSON.stringify(lastSettled).replaceAll(lastSettled.uuid, uuid);
  return JSON.parse(text);
}

function placedRecord(): Instance {
  return placedInstance(systemChance.uuid(), host, {
    networks: [{ networkId: systemChance.uuid(), mac: 'fa:16:3e:00:00:01' }],
  });
}

export function encoded(record: Instance): Uint8Array {
  return Buffer.from(buckets.instance.record.encode(record));
}

export function worldOf(effects: Effects): OwnerWorld {
  const names = Object.keys(instanceMachine.implementations.actors) as EffectName[];
  const instant = Object.fromEntries(names.map((name) => [name, done()]));
  return {
    name: { host },
    effects: { ...instant, allocateNetwork: allocated(), ...effects },
    store: agreeable(),
    clock: systemClock,
    logger: createLogger('fatal'),
  };
}

const done = (): EffectImplementation => ({ isDurable: false, run: async () => {} });
export const waiting = (): EffectImplementation => ({
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
function agreeable(): InstanceStore {
  let revision = 1;
  return { get: async () => undefined, store: async () => ++revision };
}
