/**
 * The ways to choose a host: which filters are asked, and how one is taken of those that pass. `filter` is Nova's filter
 * scheduler; the others are the classic ones, which look at less and leave it to the host to refuse what does
 * not fit. Unlike Nova's, they pass over hosts that did not work out. Pure.
 */
import { type Failure, fail } from '../../machines/failure.ts';
import { wordsOf } from './filter-words.ts';
import { allFilters, type Filtered, type FilterName, filterHosts } from './filters.ts';
import type { HostState, PlacementRequest } from './placement.ts';
import { bestHosts, defaultMultipliers, type Multipliers } from './weighers.ts';

export interface Policy {
  filters: readonly FilterName[];
  /** Absent: any host that passes is as good as another. */
  multipliers?: Multipliers;
}

const classic = ['ComputeFilter', 'RetryFilter', 'SharedDisksFilter'] as const satisfies FilterName[];

export const policies = {
  filter: { filters: allFilters, multipliers: defaultMultipliers },
  /** Any host that lives, of whatever zone. Nova's ChanceScheduler. */
  chance: { filters: classic },
  /** The host with the fewest vCPUs in use, if it has room for the instance's. Nova's SimpleScheduler. */
  simple: { filters: [...classic, 'AvailabilityZoneFilter', 'CoreFilter'], multipliers: { CPUWeigher: 1 } },
  /** Any host that lives, of the zone. Nova's ZoneScheduler. */
  zone: { filters: [...classic, 'AvailabilityZoneFilter'] },
} as const satisfies Record<string, Policy>;

export type PolicyName = keyof typeof policies;

/** Chooses by the policy; `fraction` (in [0, 1)) decides between hosts that are equally good. */
export function chooseHost(
  hosts: readonly HostState[],
  request: PlacementRequest,
  { filters, multipliers }: Policy,
  fraction: number,
): { host: string } | { failure: Failure } {
  const { passed, removedBy } = filterHosts(hosts, request, filters);
  const best = multipliers ? bestHosts(passed, multipliers) : passed;
  const chosen = best[Math.floor(fraction * best.length)];
  return chosen ? { host: chosen.host.name } : { failure: noValidHost(hosts.length, removedBy, request) };
}

function noValidHost(hosts: number, removedBy: Filtered['removedBy'], request: PlacementRequest): Failure {
  const reasons = allFilters.flatMap((name) => {
    const count = removedBy[name];
    return count === undefined ? [] : [`${count} ${wordsOf[name](request)} (${name})`];
  });
  const message = hosts === 0 ? 'there are no hosts' : `no host of ${hosts} will do: ${reasons.join(', ')}`;
  return fail('no_valid_host', message, { details: { hosts, removedBy } }).failure;
}
