/** What the chart of an instance knows. A stored format: the records of instances have it. */
import type { Timed } from '../effect.ts';
import type { Failure } from '../failure.ts';

export interface InstanceInput extends Timed {
  uuid: string;
  /** How many hosts may be tried before a launch is given up. */
  maxAttempts: number;
}

export interface InstanceContext {
  uuid: string;
  maxAttempts: number;
  /** Counts placements, from 1; part of the key of every effect. */
  attempt: number;
  /** Absent while the instance is being placed. */
  host?: string | undefined;
  /** The hosts that did not work out, and why: of a launch, or of the latest evacuation. */
  tried: { host: string; failure: InstanceFault }[];
  ports: InstancePort[];
  isDeleteWanted: boolean;
  /** Whether the guest is to run: as it was seen last, or asked for since. What makes it anew goes by it. */
  isToRun?: boolean;
  /** The image that a rebuild wants; absent: the one that it was launched from. */
  imageId?: string;
  /** Names what a rebuild puts on the guest; absent: what it was launched with. */
  payload?: string | undefined;
  /** The flavor that a resize wants, until the host has room for it. */
  wantedFlavor?: InstanceFlavor | undefined;
  /** The flavor that it was resized to; absent: the one that it was launched with. */
  flavor?: InstanceFlavor;
  /** What it had before a resize that is neither confirmed nor reverted. */
  previousFlavor?: InstanceFlavor | undefined;
  /** The host that is down, while the instance is moved away from it. */
  lostHost?: string | undefined;
  /** The only host that an evacuation may go to; absent: any. */
  wantedHost?: string | undefined;
  /** The storage that has the disk, which an evacuation keeps: only hosts that share it will do. Absent: it is made anew. */
  sharedDisks?: string | undefined;
  fault?: InstanceFault | undefined;
  scheduledAt?: number;
  launchedAt?: number;
  terminatedAt?: number;
}

export interface InstancePort {
  id: string;
  networkId: string;
  mac: string;
  addresses: string[];
}

/** What a flavor gives an instance. */
export interface InstanceFlavor {
  id: string;
  name: string;
  vcpus: number;
  memoryMb: number;
  rootGb: number;
  extraSpecs?: Record<string, string>;
}

export type Step =
  | 'scheduling'
  | 'building'
  | 'networking'
  | 'mapping'
  | 'spawning'
  | 'powering'
  | 'rebuilding'
  | 'resizing'
  | 'evacuating'
  | 'releasing';

/** What went wrong last, and during which step. Nova's instance fault. */
export interface InstanceFault extends Failure, Timed {
  step: Step;
}
