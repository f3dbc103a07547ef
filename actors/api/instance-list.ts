/**
 * Lists instances: the project's own, newest first unless asked otherwise, in pages; only an empty one says that there
 * are no more.
 */
import type { InstanceView, ListInstances } from '../../transport/messages/api/instance.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import type { Image, Instance } from '../../transport/messages/records.ts';
import type { View } from '../../transport/nats/view.ts';
import { contextOf, stateOf } from '../instance/stored-chart.ts';
import { shownVmState, viewInstance } from '../records/instance-view.ts';
import { seenInstance } from '../records/lookup.ts';
import { pageOf } from '../records/paging.ts';
import type { Liveness } from '../runtime/liveness.ts';
import { instanceFilter } from './instance-filter.ts';

interface CountedState extends Pick<InstanceView, 'state' | 'vmState'> {
  count: number;
}

export class InstanceList {
  readonly #instances: View<Instance>;
  readonly #images: View<Image>;
  readonly #liveness: Liveness;

  constructor(instances: View<Instance>, images: View<Image>, liveness: Liveness) {
    this.#instances = instances;
    this.#images = images;
    this.#liveness = liveness;
  }

  /** What comes after the marker counts from where that one stands now, also when it has left the list. */
  page(query: ListInstances, caller: Caller): InstanceView[] {
    const order = orderOf(query);
    const isWanted = instanceFilter(query, caller, { images: this.#images, liveness: this.#liveness });
    const { marker } = query;
    const marked =
      marker === undefined ? undefined : seenInstance(this.#instances.get(marker), caller, marker, '/marker');
    const wanted: Instance[] = [];
    for (const instance of this.#instances.values()) {
      if (isWanted(instance) && (!marked || order(marked, instance) < 0)) wanted.push(instance);
    }
    return pageOf(wanted.sort(order), (instance) => viewInstance(instance, this.#liveness), query.limit);
  }

  /** In the order of the states' names. */
  count(query: Pick<ListInstances, 'allProjects'>, caller: Caller): CountedState[] {
    const isWanted = instanceFilter(query, caller, { images: this.#images, liveness: this.#liveness });
    const counts = new Map<string, CountedState>();
    for (const instance of this.#instances.values()) {
      if (!isWanted(instance)) continue;
      const [state, vmState] = [stateOf(instance), shownVmState(instance)];
      const key = `${state} ${vmState}`;
      const counted = counts.get(key) ?? { state, vmState, count: 0 };
      counts.set(key, { ...counted, count: counted.count + 1 });
    }
    return [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, counted]) => counted);
  }
}

/** What is sorted by; an instance without it comes as if it had the least. */
const sortKeys: Record<NonNullable<ListInstances['sortBy']>, (instance: Instance) => string | number> = {
  createdAt: ({ createdAt }) => createdAt,
  updatedAt: ({ updatedAt }) => updatedAt,
  name: ({ name }) => name,
  vmState: shownVmState,
  host: (instance) => contextOf(instance).host ?? '',
};

/** Never calls two instances equal, so that pages neither overlap nor leave out. */
function orderOf({ sortBy = 'createdAt', order = 'descending' }: ListInstances) {
  const keyOf = sortKeys[sortBy];
  const [isBefore, isAfter] = order === 'ascending' ? [-1, 1] : [1, -1];
  return (a: Instance, b: Instance): number => {
    const [keyOfA, keyOfB] = [keyOf(a), keyOf(b)];
    if (keyOfA !== keyOfB) return keyOfA < keyOfB ? isBefore : isAfter;
    return a.uuid < b.uuid ? -1 : a.uuid > b.uuid ? 1 : 0;
  };
}
