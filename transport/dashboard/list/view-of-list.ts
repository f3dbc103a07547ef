/**
 * What the list shows just now. It outlives the page, so that whoever comes back finds the list as it was, and nobody else;
 * what it is filtered by also stands in the address.
 */
import { computed, effect, signal } from '@preact/signals';
import { instances } from '../live/instances.ts';
import { shownTo } from '../session.ts';
import { arrange, countStates, find, type SortKey } from './listing.ts';

export const text = signal('');
export const vmState = signal<string | undefined>(undefined);
export const sortBy = signal<SortKey>('createdAt');
export const isDescending = signal(true);
export const isGrouped = signal(true);
/** Their uuids. */
export const chosen = signal<ReadonlySet<string>>(new Set());

effect(() => {
  const isSomebody = shownTo.value !== undefined;
  text.value = '';
  vmState.value = undefined;
  chosen.value = new Set();
  // What the address says is for whoever comes with it.
  return () => isSomebody && history.replaceState(history.state, '', location.pathname);
});

const found = computed(() => find(instances.value, text.value));
export const foundCount = computed(() => found.value.length);
export const states = computed(() => countStates(found.value));
export const rows = computed(() =>
  arrange(found.value, {
    vmState: vmState.value,
    sortBy: sortBy.value,
    isDescending: isDescending.value,
    isGrouped: isGrouped.value,
  }),
);
export const chosenInstances = computed(() => instances.value.filter(({ uuid }) => chosen.value.has(uuid)));
/** How many of them are filtered out of the list. */
export const chosenUnseen = computed(() => {
  const seen = rows.value.filter((row) => row.kind === 'instance' && chosen.value.has(row.instance.uuid));
  return chosenInstances.value.length - seen.length;
});

export function sort(key: SortKey): void {
  isDescending.value = sortBy.value === key ? !isDescending.value : key === 'createdAt';
  sortBy.value = key;
}

export function choose(uuids: Iterable<string>, isChosen: boolean): void {
  const next = new Set(chosen.value);
  for (const uuid of uuids) {
    if (isChosen) next.add(uuid);
    else next.delete(uuid);
  }
  chosen.value = next;
}

export function readAddress(search: string): void {
  const query = new URLSearchParams(search);
  if (query.size === 0) return;
  text.value = query.get('find') ?? '';
  vmState.value = query.get('state') ?? undefined;
}

export function addressOf(): string {
  const query = new URLSearchParams();
  if (text.value) query.set('find', text.value);
  if (vmState.value) query.set('state', vmState.value);
  return query.size > 0 ? `?${query}` : '';
}
