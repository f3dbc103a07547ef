import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allFilters, type Filter, filterHosts, filters } from '../../actors/scheduler/filters.ts';
import type { HostState, PlacementRequest } from '../../actors/scheduler/placement.ts';
import { chooseHost, policies } from '../../actors/scheduler/policies.ts';
import { bestHosts, defaultMultipliers } from '../../actors/scheduler/weighers.ts';
import type { Host } from '../../transport/messages/records.ts';
import { newHost } from '../support/records.ts';

const name = fc.nat({ max: 9 }).map((index) => `host${index}`);
const names = fc.uniqueArray(name, { maxLength: 4 }).map((list) => new Set(list));
const zone = fc.constantFrom('a', 'b');
const storage = fc.constantFrom('nfs', 'ceph');
const ssd = 'aggregate_instance_extra_specs:ssd';

/** A host that is in no aggregate. */
function stateOf(host: Host, used: Partial<HostState['used']> = {}, building = 0): HostState {
  const nothing = { vcpus: 0, memoryMb: 0, diskGb: 0, instances: 0 };
  return {
    host,
    isAlive: true,
    zone: host.availabilityZone,
    metadata: new Map(),
    used: { ...nothing, ...used },
    building,
  };
}

const hostState = (hostName: string): fc.Arbitrary<HostState> =>
  fc
    .record({
      zone,
      aggregateZone: fc.option(zone, { nil: undefined }),
      metadata: fc.constantFrom(
        new Map(),
        new Map([['ssd', new Set(['true', 'fast'])]]),
        new Map([['ssd', new Set(['no'])]]),
      ),
      capacity: fc.record({ vcpus: fc.nat(8), memoryMb: fc.nat(8), diskGb: fc.nat(8) }),
      ratio: fc.constantFrom(1, 1.5, 4),
      service: fc.constantFrom('enabled' as const, 'enabled' as const, 'disabled' as const, 'draining' as const),
      hypervisorState: fc.constantFrom('up' as const, 'up' as const, 'away' as const),
      isAlive: fc.constantFrom(true, true, false),
      sharedDisks: fc.option(storage, { nil: undefined }),
      down: fc.constantFrom(undefined, undefined, { since: 1 }),
      architectures: fc.constantFrom<string[]>(['x86_64'], ['aarch64'], ['x86_64', 'i686']),
      used: fc.record({ vcpus: fc.nat(8), memoryMb: fc.nat(8), diskGb: fc.nat(8), instances: fc.nat(4) }),
      building: fc.nat(4),
    })
    .map(
      ({
        zone: availabilityZone,
        aggregateZone,
        metadata,
        ratio,
        isAlive,
        down,
        sharedDisks,
        architectures,
        used,
        building,
        ...rest
      }): HostState => {
        const host = newHost(hostName, {
          ...rest,
          ...(down && { down }),
          ...(sharedDisks !== undefined && { sharedDisks }),
          availabilityZone,
          allocationRatio: { vcpus: ratio, memoryMb: ratio, diskGb: 1 },
          hypervisor: { type: 'QEMU', version: 1, virtType: 'kvm', architectures },
        });
        return { host, isAlive, zone: aggregateZone ?? availabilityZone, metadata, used, building };
      },
    );

const hosts = fc
  .nat({ max: 10 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => hostState(`host${index}`))));

const request: fc.Arbitrary<PlacementRequest> = fc.record({
  flavor: fc.record({
    vcpus: fc.nat(6),
    memoryMb: fc.nat(6),
    rootGb: fc.nat(6),
    extraSpecs: fc.constantFrom<Record<string, string>>({}, {}, { [ssd]: 'fast' }, { 'hw:ssd': 'fast', ssd: 'fast' }),
  }),
  availabilityZone: fc.option(zone, { nil: undefined }),
  imageProperties: fc.constantFrom<Record<string, string>>(
    {},
    {},
    { architecture: 'amd64' },
    { hypervisor_type: 'qemu' },
  ),
  tried: names,
  group: fc.option(
    fc.record({ policy: fc.constantFrom('affinity' as const, 'anti-affinity' as const), hosts: names }),
    {
      nil: undefined,
    },
  ),
  sameHosts: fc.option(names, { nil: undefined, freq: 4 }),
  differentHosts: names,
  sharedDisks: fc.option(storage, { nil: undefined, freq: 4 }),
});
const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** What the filters ask, said once more, in one sentence. */
function fits({ host, isAlive, zone: itsZone, metadata, used }: HostState, wanted: PlacementRequest): boolean {
  const { flavor, group } = wanted;
  const room = (resource: 'vcpus' | 'memoryMb' | 'diskGb', amount: number) =>
    used[resource] + amount <= host.capacity[resource] * host.allocationRatio[resource] &&
    (resource === 'diskGb' || amount <= host.capacity[resource]);
  return (
    host.service === 'enabled' &&
    host.hypervisorState === 'up' &&
    isAlive &&
    !host.down &&
    !wanted.tried.has(host.name) &&
    (wanted.availabilityZone ?? itsZone) === itsZone &&
    (flavor.extraSpecs?.[ssd] === undefined || metadata.get('ssd')?.has('fast') === true) &&
    room('vcpus', flavor.vcpus) &&
    room('memoryMb', flavor.memoryMb) &&
    room('diskGb', flavor.rootGb) &&
    (wanted.imageProperties.architecture === undefined || host.hypervisor.architectures.includes('x86_64')) &&
    !(group?.policy === 'anti-affinity' && group.hosts.has(host.name)) &&
    !(group?.policy === 'affinity' && group.hosts.size > 0 && !group.hosts.has(host.name)) &&
    (wanted.sameHosts?.has(host.name) ?? true) &&
    !wanted.differentHosts.has(host.name) &&
    (wanted.sharedDisks ?? host.sharedDisks) === host.sharedDisks
  );
}

describe('the filter policy', () => {
  it('chooses a host that fits, and misses none', () => {
    fc.assert(
      fc.property(hosts, request, fraction, (states, wanted, chance) => {
        const choice = chooseHost(states, wanted, policies.filter, chance);
        const fitting = states.filter((state) => fits(state, wanted)).map(({ host }) => host.name);
        if ('host' in choice) expect(fitting).toContain(choice.host);
        else expect(fitting).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  it('says which filter removed how many hosts, and accounts for all of them', () => {
    fc.assert(
      fc.property(hosts, request, (states, wanted) => {
        const choice = chooseHost(states, wanted, policies.filter, 0);
        if ('host' in choice) return;
        const { hosts: count, removedBy } = choice.failure.details as {
          hosts: number;
          removedBy: Record<string, number>;
        };
        expect(choice.failure).toMatchObject({ code: 'no_valid_host', disposition: 'abort' });
        expect(count).toBe(states.length);
        expect(Object.values(removedBy).reduce((sum, each) => sum + each, 0)).toBe(states.length);
        for (const [filter, removed] of Object.entries(removedBy)) {
          expect(choice.failure.message).toMatch(new RegExp(`[:,] ${removed} [^()]+\\(${filter}\\)`));
        }
      }),
    );
  });

  it('passes exactly the hosts that every one of its filters passes, whatever their order', () => {
    fc.assert(
      fc.property(hosts, request, fc.shuffledSubarray(allFilters), (states, wanted, subset) => {
        const { passed } = filterHosts(states, wanted, subset);
        expect(passed).toEqual(
          states.filter((state) => subset.every((filter) => (filters[filter] as Filter)(state, wanted))),
        );
      }),
    );
  });
});

describe('weighing', () => {
  it('never takes a host that another beats in everything', () => {
    fc.assert(
      fc.property(hosts, (states) => {
        const free = ({ host, used }: HostState, resource: 'vcpus' | 'memoryMb') =>
          host.capacity[resource] * host.allocationRatio[resource] - used[resource];
        for (const best of bestHosts(states, defaultMultipliers)) {
          const isBeaten = states.some(
            (other) =>
              free(other, 'vcpus') > free(best, 'vcpus') &&
              free(other, 'memoryMb') > free(best, 'memoryMb') &&
              other.building < best.building,
          );
          expect(isBeaten).toBe(false);
        }
        expect(bestHosts(states, defaultMultipliers).length > 0).toBe(states.length > 0);
      }),
    );
  });

  it('takes the emptiest of hosts that are alike', () => {
    const states = [3, 1, 2].map((instances, index) =>
      stateOf(newHost(`host${index}`), { vcpus: instances, memoryMb: instances * 512, instances }),
    );
    expect(bestHosts(states, defaultMultipliers).map(({ host }) => host.name)).toEqual(['host1']);
    expect(bestHosts(states, { NumInstancesWeigher: -1 }).map(({ host }) => host.name)).toEqual(['host1']);
    expect(bestHosts(states, {}).length).toBe(3);
  });
});

describe('the classic policies', () => {
  const busy = stateOf(newHost('busy'), { vcpus: 60, instances: 60 });
  const idle = stateOf(newHost('idle'), { vcpus: 1, instances: 1 });
  const away = stateOf(newHost('away', { availabilityZone: 'b' }), idle.used);
  const wanted: PlacementRequest = {
    flavor: { vcpus: 8, memoryMb: 1, rootGb: 0 },
    availabilityZone: 'nova',
    imageProperties: {},
    tried: new Set(),
    group: undefined,
    sameHosts: undefined,
    differentHosts: new Set(),
    sharedDisks: undefined,
  };
  const chosenBy = (policy: keyof typeof policies) =>
    new Set(
      [0, 0.34, 0.67, 0.99].map((chance) => {
        const choice = chooseHost([busy, idle, away], wanted, policies[policy], chance);
        return 'host' in choice ? choice.host : choice.failure.code;
      }),
    );

  it('chance takes any host that lives', () => expect(chosenBy('chance')).toEqual(new Set(['busy', 'idle', 'away'])));
  it('zone takes any host of the zone', () => expect(chosenBy('zone')).toEqual(new Set(['busy', 'idle'])));
  it('simple takes the one with the fewest vCPUs in use', () => expect(chosenBy('simple')).toEqual(new Set(['idle'])));
});

it('chooses among a thousand hosts in well under a millisecond', () => {
  const states = Array.from({ length: 1000 }, (_, index) => {
    const instances = index % 60;
    const used = { vcpus: instances, memoryMb: instances * 512, diskGb: 1, instances };
    return stateOf(newHost(`host${index}`), used, index % 3);
  });
  const wanted: PlacementRequest = {
    flavor: { vcpus: 1, memoryMb: 512, rootGb: 1 },
    availabilityZone: 'nova',
    imageProperties: { architecture: 'x86_64' },
    tried: new Set(['host1']),
    group: { policy: 'anti-affinity', hosts: new Set(['host0']) },
    sameHosts: undefined,
    differentHosts: new Set(),
    sharedDisks: undefined,
  };
  const times: number[] = [];
  for (let round = 0; round < 500; round++) {
    const start = performance.now();
    chooseHost(states, wanted, policies.filter, 0.5);
    times.push(performance.now() - start);
  }
  // A tenth of the rounds is undisturbed even on a busy machine.
  expect(times.toSorted((a, b) => a - b)[50]).toBeLessThan(1);
});
