/** What was seen of a cloud while it ran, by somebody who sees everything: what the checker judges. */
import { contextOf, stateOf } from '../../actors/instance/stored-chart.ts';
import type { Failure } from '../../machines/failure.ts';
import type { ReportedPowerState } from '../../machines/instance.ts';
import { isGivingBack } from '../../machines/instance-states.ts';
import type { Instance } from '../../transport/messages/records.ts';

/** A client's request about one instance. */
export interface Asked {
  verb: string;
  uuid: string;
  at: number;
  /** When the answer came, or it was clear that none would. */
  answeredAt?: number;
  /** That a `rename` asks for. */
  name?: string;
  /** `unknown`: no answer came; `lost`: it was accepted, and the store has lost what was recorded of it. */
  outcome: 'pending' | 'accepted' | 'refused' | 'unknown' | 'lost';
  failure?: Failure;
}

/** A version of an instance's record. */
export interface RecordSeen {
  at: number;
  revision: number;
  record: Instance;
  /** The store has lost the versions before it, and went back to this one. */
  isRestored?: boolean;
  /** What its guest did at that moment, on the host that the record names. */
  powerState?: ReportedPowerState;
}

/** An instance of which the store has lost every version. */
export interface ForgottenInstance {
  at: number;
  uuid: string;
}

/** What a guest did, on which host. */
export interface GuestSeen {
  at: number;
  host: string;
  uuid: string;
  powerState: ReportedPowerState;
}

/** A moment at which guests of one instance were active on several hosts, none of them declared down. */
export interface DoubleSeen {
  at: number;
  uuid: string;
  hosts: string[];
}

/** What was done to a guest's disk. */
export interface DiskSeen {
  at: number;
  uuid: string;
  did: 'made' | 'removed' | 'booted';
  /** A host, or the storage that hosts share. */
  place: string;
  isShared: boolean;
  /** From which it was made. */
  imageId: string;
  /** The instance's at that moment. */
  record: Instance | undefined;
  /** Whether the host that the record names has its disks there. */
  isOfHost: boolean;
}

/** A port that an instance had, by its record. */
export interface PortTaken {
  at: number;
  uuid: string;
  portId: string;
}

/** From when to when a process could not do what it has to; without one: all of them. */
export interface Disturbance {
  of?: string;
  at: number;
  until: number;
}

/** Something that was done to the cloud. */
export interface FaultSeen {
  at: number;
  what: string;
}

export class History {
  readonly asked: Asked[] = [];
  readonly records = new Map<string, RecordSeen[]>();
  readonly guests: GuestSeen[] = [];
  readonly doubles: DoubleSeen[] = [];
  /** Absent: nobody could see. */
  disks: DiskSeen[] | undefined;
  /** Absent: nobody knows them all. */
  disturbances: Disturbance[] | undefined;
  readonly faults: FaultSeen[] = [];
  /** Ports that were removed while the record of their instance named them, and did not say that it gives back. */
  readonly portsTaken: PortTaken[] = [];
  /** Whether the store has lost anything; absent: nobody can tell. */
  hasGoneBack: boolean | undefined;
  /** What an operator was told to look at. */
  readonly alarms: string[] = [];
  readonly forgotten: ForgottenInstance[] = [];
  /** What left the work queue, and nobody was told what became of it. */
  commandsForgotten: { uuid: string; command: { type: string } }[] = [];
  /** The keys of what was to be put on guests, and may be lost. */
  readonly lostPayloads = new Set<string>();

  saw(uuid: string, seen: RecordSeen): void {
    const versions = this.records.get(uuid);
    if (versions) versions.push(seen);
    else this.records.set(uuid, [seen]);
  }

  /** The store has lost the latest versions of the record: `kept` is what it has of it now. */
  wentBack(uuid: string, at: number, kept: RecordSeen | undefined): void {
    if (kept) {
      this.saw(uuid, { ...kept, at, isRestored: true });
      // Which may have been removed by what is lost.
      if (kept.record.payload !== undefined) this.lostPayloads.add(kept.record.payload);
    } else if (this.records.delete(uuid)) this.forgotten.push({ at, uuid });
    for (const asked of this.asked) {
      if (asked.uuid === uuid && asked.outcome === 'accepted' && !isShownIn(asked, kept?.record))
        asked.outcome = 'lost';
    }
  }

  /** Whether the store has lost every version of its record, and has not been given another since. */
  isForgotten(uuid: string): boolean {
    return !this.records.has(uuid) && this.forgotten.some((forgotten) => forgotten.uuid === uuid);
  }

  portRemoved(portId: string, at: number): void {
    for (const uuid of this.records.keys()) {
      const record = this.latest(uuid);
      if (record && !isGivingBack(stateOf(record)) && contextOf(record).ports.some(({ id }) => id === portId))
        this.portsTaken.push({ at, uuid, portId });
    }
  }

  /** But for those of which the store has lost something: of what was done of it meanwhile nothing is left to compare with. */
  get unbroken(): Map<string, RecordSeen[]> {
    return new Map([...this.records].filter(([, versions]) => !versions.some(({ isRestored }) => isRestored)));
  }

  latest(uuid: string): Instance | undefined {
    return this.records.get(uuid)?.at(-1)?.record;
  }
}

/** Whether the record that the store has kept is of what was asked. */
function isShownIn({ verb }: Asked, record: Instance | undefined): boolean {
  if (!record || verb !== 'delete') return record !== undefined;
  return record.vmState === 'deleted' || Boolean(record.isDeletionAsked ?? record.chart.context.isDeleteWanted);
}
