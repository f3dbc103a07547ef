/** What placing is decided by, as plain data: a request, and the hosts as they are at the moment. */
import type { Flavor, Host } from '../../transport/messages/records.ts';
import type { Usage } from './host-usage.ts';

/** One launch to be placed. */
export interface PlacementRequest {
  flavor: Pick<Flavor, 'vcpus' | 'memoryMb' | 'rootGb' | 'extraSpecs'>;
  availabilityZone: string | undefined;
  /** What the image wants of its host: Nova's image properties, such as `architecture`. */
  imageProperties: Readonly<Record<string, string>>;
  /** The hosts that did not work out. */
  tried: ReadonlySet<string>;
  /** The instance's server group, and the hosts where others of it are. */
  group: { policy: 'affinity' | 'anti-affinity'; hosts: ReadonlySet<string> } | undefined;
  /** The hosts of the instances that it wants to be with; absent when it does not care. */
  sameHosts: ReadonlySet<string> | undefined;
  differentHosts: ReadonlySet<string>;
  /** The storage that has the disk of an instance which is to keep it; absent: none is kept. */
  sharedDisks: string | undefined;
}

/** One host, where it is, and what is taken of it. */
export interface HostState {
  host: Host;
  /** Whether it was heard lately. */
  isAlive: boolean;
  /** Of its aggregates, or else its own. */
  zone: string;
  /** What its aggregates say: key → alternatives. */
  metadata: ReadonlyMap<string, ReadonlySet<string>>;
  used: Readonly<Usage>;
  /** How many of its instances are on their way to running. */
  building: number;
}

/** How much of a resource may still be given out. */
export function freeOf({ host, used }: HostState, resource: 'vcpus' | 'memoryMb' | 'diskGb'): number {
  return host.capacity[resource] * host.allocationRatio[resource] - used[resource];
}
