/**
 * Which hosts an instance may be placed on. Each filter answers one question about one host, under the name that Nova's
 * filter of the same meaning has (nova/scheduler/filters/). Pure.
 */
import type { Host } from '../../transport/messages/records.ts';
import { takesInstances } from '../runtime/liveness.ts';
import { freeOf, type HostState, type PlacementRequest } from './placement.ts';

export type Filter = (state: HostState, request: PlacementRequest) => boolean;

export const filters = {
  ComputeFilter: ({ host, isAlive }) => takesInstances(host, isAlive),

  RetryFilter: ({ host }, { tried }) => !tried.has(host.name),

  AvailabilityZoneFilter: ({ zone }, { availabilityZone }) =>
    availabilityZone === undefined || zone === availabilityZone,

  /** What the flavor asks of aggregates is what one of the host's says. */
  AggregateInstanceExtraSpecsFilter: ({ metadata }, { flavor: { extraSpecs = {} } }) =>
    Object.entries(extraSpecs).every(
      ([key, value]) =>
        !key.startsWith(aggregateScope) || metadata.get(key.slice(aggregateScope.length))?.has(value.trim()),
    ),

  /** Of vCPUs and memory no instance may have more than the host really has: it would compete with itself. */
  CoreFilter: (state, { flavor }) =>
    flavor.vcpus <= freeOf(state, 'vcpus') && flavor.vcpus <= state.host.capacity.vcpus,

  RamFilter: (state, { flavor }) =>
    flavor.memoryMb <= freeOf(state, 'memoryMb') && flavor.memoryMb <= state.host.capacity.memoryMb,

  DiskFilter: (state, { flavor }) => flavor.rootGb <= freeOf(state, 'diskGb'),

  ImagePropertiesFilter: ({ host }, { imageProperties: { architecture, hypervisor_type: type } }) =>
    (architecture === undefined || hasArchitecture(host, architecture)) && (type === undefined || isOfType(host, type)),

  ServerGroupAffinityFilter: ({ host }, { group }) =>
    group?.policy !== 'affinity' || group.hosts.size === 0 || group.hosts.has(host.name),

  ServerGroupAntiAffinityFilter: ({ host }, { group }) =>
    group?.policy !== 'anti-affinity' || !group.hosts.has(host.name),

  SameHostFilter: ({ host }, { sameHosts }) => sameHosts === undefined || sameHosts.has(host.name),

  DifferentHostFilter: ({ host }, { differentHosts }) => !differentHosts.has(host.name),

  SharedDisksFilter: ({ host }, { sharedDisks }) => sharedDisks === undefined || host.sharedDisks === sharedDisks,
} as const satisfies Record<string, Filter>;

const aggregateScope = 'aggregate_instance_extra_specs:';

export type FilterName = keyof typeof filters;

/** In the order in which they are asked: a host counts as removed by the first that refuses it. */
export const allFilters = Object.keys(filters) as FilterName[];

export function isFilterName(name: string): name is FilterName {
  return Object.hasOwn(filters, name);
}

export interface Filtered {
  passed: HostState[];
  /** Filter → how many hosts it removed; those that removed none are left out. */
  removedBy: Partial<Record<FilterName, number>>;
}

export function filterHosts(
  hosts: Iterable<HostState>,
  request: PlacementRequest,
  names: readonly FilterName[],
): Filtered {
  const asked = names.map((name): Filter => filters[name]);
  const removed = names.map(() => 0);
  const passed: HostState[] = [];
  for (const state of hosts) {
    let index = 0;
    while (asked[index]?.(state, request)) index++;
    if (index === asked.length) passed.push(state);
    else removed[index] = (removed[index] ?? 0) + 1;
  }
  const removedBy: Filtered['removedBy'] = {};
  for (const [index, name] of names.entries()) if (removed[index]) removedBy[name] = removed[index];
  return { passed, removedBy };
}

function hasArchitecture({ hypervisor }: Host, wanted: string): boolean {
  const canonical = canonicalArchitecture(wanted);
  return hypervisor.architectures.some((architecture) => canonicalArchitecture(architecture) === canonical);
}

/** Images say what runs them in libvirt's words (`QEMU`) or in the accelerator's (`kvm`). */
function isOfType({ hypervisor: { type, virtType } }: Host, wanted: string): boolean {
  const lower = wanted.toLowerCase();
  return type.toLowerCase() === lower || virtType === lower;
}

/** Nova's canonicalize of nova/objects/fields.py, for the names that images really carry. */
function canonicalArchitecture(name: string): string {
  const lower = name.toLowerCase();
  return architectureAliases[lower] ?? lower;
}

const architectureAliases: Record<string, string> = {
  amd64: 'x86_64',
  x64: 'x86_64',
  i386: 'i686',
  i486: 'i686',
  i586: 'i686',
  x86: 'i686',
  arm64: 'aarch64',
};
