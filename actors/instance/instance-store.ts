/**
 * Where owners store instances: the record, and what has happened to the instance, which is told when it is stored and
 * never when it is not.
 */
import type { CallContext } from '../../transport/messages/call-context.ts';
import type { ToldFact } from '../../transport/messages/internal.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { type Bucket, type Conflict, conflict, type Entry } from '../../transport/nats/bucket.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { publishInstanceFact } from './facts.ts';

export interface InstanceStore {
  /** As it is stored now. */
  get(uuid: string): Promise<Entry<Instance> | undefined>;
  /**
   * Stores the record in the place of the one at `revision` (0: of none). The new revision; `conflict`: somebody else wrote
   * in between. When it rejects it may be stored, and told, all the same. `context`: of the request that is worked on.
   */
  store(record: Instance, revision: number, facts: ToldFact[], context: CallContext): Promise<number | Conflict>;
}

/** Of the control plane, which writes the records itself. */
export function ownStore(bus: Bus, bucket: Bucket<Instance>): InstanceStore {
  return {
    get: (uuid) => bucket.get(uuid),
    async store(record, revision, facts) {
      const { uuid } = record;
      const stored = await (revision === 0 ? bucket.create(uuid, record) : bucket.update(uuid, record, revision));
      if (stored !== conflict) tellFacts(bus, uuid, facts);
      return stored;
    },
  };
}

/** For how long what is told again is kept once, whosever clock it is told by (ms): half of what JetStream remembers. */
export const toldOnceMs = 60_000;

export function tellFacts(bus: Bus, uuid: string, facts: readonly ToldFact[]): void {
  for (const { fact, id } of facts) publishInstanceFact(bus, fact, `${uuid}.${id}`);
}
