/** Aggregates of hosts. */
import { api } from '../../transport/messages/api.ts';
import { viewAggregate } from '../records/aggregate-view.ts';
import { byName, named } from '../records/lookup.ts';
import { after, pageOf } from '../records/paging.ts';
import type { Reads } from './reads.ts';

export const aggregateReads: Reads = async (on, { store }) => {
  const aggregates = await store.view('aggregate');

  on(api.aggregate.get, ({ aggregate }) => ({
    aggregate: viewAggregate(named(aggregates, aggregate, 'aggregate', '/aggregate')),
  }));

  on(api.aggregate.list, ({ limit, marker }) => {
    const marked = marker === undefined ? undefined : named(aggregates, marker, 'aggregate', '/marker');
    const sorted = [...aggregates.values()].toSorted(byName);
    return { aggregates: pageOf(after(sorted, marked, byName), viewAggregate, limit) };
  });
};
