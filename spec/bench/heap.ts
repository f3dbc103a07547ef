/**
 * Heap of an instance in the process of its host, by many that are there at once: settled, when it runs and its chart
 * sleeps, and in flight, when its chart waits for the network; what is left of one that nobody keeps any more, which
 * should be nothing; and in the view that a part has of all instances.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { InstanceOwner } from '../../actors/instance/owner.ts';
import { buckets } from '../../transport/messages/records.ts';
import { encoded, own, settledRecord, waiting, worldOf } from './owners.ts';
import type { Report } from './report.ts';

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

function usedHeap(): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}
