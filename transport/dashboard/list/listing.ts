/** Which of the instances are listed, and in which order: filtered by a text and a state, sorted, grouped by state. */
import type { InstanceView } from '../../messages/api/instance.ts';

/** What needs somebody stands first. */
const stateOrder = ['error', 'building', 'active', 'resized', 'paused', 'suspended', 'stopped'];

export type SortKey = 'name' | 'state' | 'address' | 'host' | 'flavor' | 'createdAt';

export interface Wanted {
  /** Absent: all. */
  vmState: string | undefined;
  sortBy: SortKey;
  isDescending: boolean;
  isGrouped: boolean;
}

export type Row =
  | { kind: 'group'; vmState: string; count: number }
  | { kind: 'instance'; instance: InstanceView /** Among the instances, from 0. */; index: number };

const byText = new Intl.Collator('en', { numeric: true });
const texts = new WeakMap<InstanceView, string>();

/** What it is, wherever it stands. */
export function keyOf(row: Row): string {
  return row.kind === 'instance' ? row.instance.uuid : row.vmState;
}

/** How many there are in each state, of those that the text finds, in the order in which they are listed. */
export function countStates(found: readonly InstanceView[]): [vmState: string, count: number][] {
  const counts = new Map<string, number>();
  for (const { vmState } of found) counts.set(vmState, (counts.get(vmState) ?? 0) + 1);
  return [...counts].toSorted(([a], [b]) => stateOrder.indexOf(a) - stateOrder.indexOf(b));
}

/** By words, each a part of name, hostname, uuid, address or host. */
export function find(instances: readonly InstanceView[], text: string): readonly InstanceView[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return instances;
  return instances.filter((instance) => words.every((word) => textOf(instance).includes(word)));
}

export function arrange(found: readonly InstanceView[], { vmState, sortBy, isDescending, isGrouped }: Wanted): Row[] {
  const chosen = found.filter((instance) => vmState === undefined || instance.vmState === vmState);
  const sign = isDescending ? -1 : 1;
  const sorted = chosen.sort((a, b) => sign * compare[sortBy](a, b) || byLaunch(a, b));
  const groups = isGrouped
    ? countStates(sorted).map(([state]) => sorted.filter((instance) => instance.vmState === state))
    : [sorted];
  const rows: Row[] = [];
  let index = 0;
  for (const group of groups) {
    if (isGrouped && group[0]) rows.push({ kind: 'group', vmState: group[0].vmState, count: group.length });
    for (const instance of group) rows.push({ kind: 'instance', instance, index: index++ });
  }
  return rows;
}

export function addressesOf({ ports }: InstanceView): string {
  return ports.flatMap(({ addresses }) => addresses).join(', ');
}

type Compare = (a: InstanceView, b: InstanceView) => number;

const compare: Record<SortKey, Compare> = {
  name: (a, b) => byText.compare(a.name, b.name),
  state: (a, b) => stateOrder.indexOf(a.vmState) - stateOrder.indexOf(b.vmState),
  address: (a, b) => byText.compare(addressesOf(a), addressesOf(b)),
  host: (a, b) => byText.compare(a.host ?? '', b.host ?? ''),
  flavor: (a, b) => byText.compare(a.flavor.name, b.flavor.name),
  createdAt: (a, b) => (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0),
};

/** Never calls two equal, so that none changes its place. */
function byLaunch(a: InstanceView, b: InstanceView): number {
  return a.launchIndex - b.launchIndex || (a.uuid < b.uuid ? -1 : 1);
}

function textOf(instance: InstanceView): string {
  let text = texts.get(instance);
  if (text === undefined) {
    const { name, hostname, uuid, host = '' } = instance;
    text = [name, hostname, uuid, host, addressesOf(instance)].join('\n').toLowerCase();
    texts.set(instance, text);
  }
  return text;
}
