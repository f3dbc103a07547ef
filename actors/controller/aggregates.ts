/**
 * Aggregates: groups of hosts. Their names are unique, and no host is in two zones. Both are about all aggregates, so all
 * changes are decided one after the other, each by a write that holds only while nothing else has changed.
 */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { Aggregate } from '../../transport/messages/records.ts';
import { viewAggregate } from '../records/aggregate-view.ts';
import { hostKey } from '../records/keys.ts';
import { missing, named } from '../records/lookup.ts';
import { refuseZoneChange } from './aggregate-zones.ts';
import { changedMetadata } from './changed-metadata.ts';
import { type DecidedOver, decideOverAll } from './decide-over-all.ts';
import { nameTaken } from './store-order.ts';
import type { Writes } from './writes.ts';

export const aggregateWrites: Writes = async (on, { store, clock, chance }) => {
  const [bucket, aggregates, hosts, instances] = await Promise.all([
    store.bucket('aggregate'),
    store.view('aggregate'),
    store.view('host'),
    store.view('instance'),
  ]);

  const all: DecidedOver<Aggregate> = { bucket, view: aggregates, others: [hosts, instances], keyOf: ({ id }) => id };

  async function keep(choose: () => Aggregate) {
    const { value: aggregate, revision } = await decideOverAll(all, () => {
      const chosen = choose();
      refuseTakenName(chosen);
      return chosen;
    });
    return { reply: { aggregate: viewAggregate(aggregate) }, written: [{ bucket: 'aggregate' as const, revision }] };
  }

  /** `field` is to blame when a host would come into a zone where it may not be. */
  function change(idOrName: string, field: string, changed: (aggregate: Aggregate) => Aggregate) {
    return keep(() => {
      const before = find(idOrName);
      const after = { ...changed(before), updatedAt: clock.now() };
      refuseZoneChange({ aggregates, hosts, instances }, before, after, field);
      return after;
    });
  }

  const find = (idOrName: string) => named(aggregates, idOrName, 'aggregate', '/aggregate');

  function refuseTakenName({ id, name }: Aggregate): void {
    for (const other of aggregates.values()) {
      if (other.name === name && other.id !== id) throw nameTaken('aggregate', name);
    }
  }

  on(api.aggregate.create, ({ metadata = {}, ...request }) => {
    const now = clock.now();
    const aggregate = { id: chance.uuid(), ...request, hosts: [], metadata, createdAt: now, updatedAt: now };
    return keep(() => aggregate);
  });

  on(api.aggregate.update, ({ aggregate, availabilityZone, metadata = {}, ...replaced }) =>
    change(aggregate, '/availabilityZone', ({ availabilityZone: zone, ...kept }) => {
      const wanted = availabilityZone === undefined ? zone : (availabilityZone ?? undefined);
      return {
        ...kept,
        ...replaced,
        ...(wanted !== undefined && { availabilityZone: wanted }),
        metadata: changedMetadata(kept.metadata, metadata, '/metadata'),
      };
    }),
  );

  on(api.aggregate.addHost, ({ aggregate, host }) =>
    change(aggregate, '/host', (before) => {
      const { name, hosts: present } = before;
      if (!hosts.get(hostKey(host))) throw missing('host', host, '/host');
      if (present.includes(host)) {
        throw fail('conflict', `host ${host} is in aggregate ${name} already (field /host)`, {
          details: { field: '/host' },
        });
      }
      return { ...before, hosts: [...present, host] };
    }),
  );

  on(api.aggregate.removeHost, ({ aggregate, host }) =>
    change(aggregate, '/host', (before) => {
      const { name, hosts: present } = before;
      if (!present.includes(host)) throw missing(`host in aggregate ${name}`, host, '/host');
      return { ...before, hosts: present.filter((each) => each !== host) };
    }),
  );

  on(api.aggregate.delete, async ({ aggregate }) => {
    const empty = () => {
      const found = find(aggregate);
      if (found.hosts.length > 0) {
        throw fail('conflict', `aggregate ${found.name} has hosts: they must be taken out first (field /aggregate)`, {
          details: { field: '/aggregate', hosts: found.hosts },
        });
      }
      return found;
    };
    const { key, revision } = await decideOverAll(all, empty, true);
    return { reply: {}, written: [{ bucket: 'aggregate', revision, removed: key }] };
  });
};
