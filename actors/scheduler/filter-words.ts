/** What a filter has against the hosts that it removed, in words for whoever asked for the instance. */
import type { FilterName } from './filters.ts';
import type { PlacementRequest } from './placement.ts';

export const wordsOf: Record<FilterName, (request: PlacementRequest) => string> = {
  ComputeFilter: () => 'down, disabled or without a hypervisor',
  RetryFilter: () => 'tried before',
  AvailabilityZoneFilter: ({ availabilityZone }) => `not in zone ${availabilityZone}`,
  AggregateInstanceExtraSpecsFilter: () => 'without what the flavor asks of aggregates',
  CoreFilter: ({ flavor }) => `with fewer than ${flavor.vcpus} vCPUs, or without room for them`,
  RamFilter: ({ flavor }) => `with less than ${flavor.memoryMb} MB of memory, or without room for it`,
  DiskFilter: ({ flavor }) => `without room for a disk of ${flavor.rootGb} GB`,
  ImagePropertiesFilter: () => 'not what the image is for',
  ServerGroupAffinityFilter: () => 'not where the server group is',
  ServerGroupAntiAffinityFilter: () => 'with another of the server group',
  SameHostFilter: () => 'not where the instances are that it is to be with',
  DifferentHostFilter: () => 'with an instance that it is to be away from',
  SharedDisksFilter: ({ sharedDisks }) => `without the shared disks ${sharedDisks}`,
};
