/**
 * How good a host is, among those where the instance may be placed. As Nova does: each weigher's values are stretched to
 * 0…1 over the hosts at hand, multiplied, and added up. Pure.
 */
import { freeOf, type HostState } from './placement.ts';

/** Larger is better, times the multiplier. */
export type Weigher = (state: HostState) => number;

export const weighers = {
  RAMWeigher: (state) => freeOf(state, 'memoryMb'),
  CPUWeigher: (state) => freeOf(state, 'vcpus'),
  IoOpsWeigher: ({ building }) => building,
  NumInstancesWeigher: ({ used }) => used.instances,
} as const satisfies Record<string, Weigher>;

export type WeigherName = keyof typeof weighers;
export type Multipliers = Partial<Record<WeigherName, number>>;

/** Nova's: spread by memory and vCPUs, away from hosts that are busy building. Negative: fewer is better. */
export const defaultMultipliers: Multipliers = { RAMWeigher: 1, CPUWeigher: 1, IoOpsWeigher: -1 };

/** The hosts that nothing else is better than; in the order given. */
export function bestHosts(hosts: readonly HostState[], multipliers: Multipliers): HostState[] {
  const totals = new Float64Array(hosts.length);
  for (const [name, multiplier] of Object.entries(multipliers) as [WeigherName, number][]) {
    if (multiplier !== 0) addNormalised(totals, hosts, weighers[name], multiplier);
  }
  let best = Number.NEGATIVE_INFINITY;
  for (const total of totals) if (total > best) best = total;
  return hosts.filter((_, index) => totals[index] === best);
}

/** Nova's normalize of nova/weights.py: where all hosts weigh the same, none gains. */
function addNormalised(totals: Float64Array, hosts: readonly HostState[], weigh: Weigher, multiplier: number): void {
  const weights = new Float64Array(hosts.length);
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  let index = 0;
  for (const state of hosts) {
    const weight = weigh(state);
    weights[index++] = weight;
    if (weight < least) least = weight;
    if (weight > most) most = weight;
  }
  if (most === least) return;
  for (let at = 0; at < weights.length; at++) {
    totals[at] = (totals[at] ?? 0) + (multiplier * ((weights[at] ?? 0) - least)) / (most - least);
  }
}
