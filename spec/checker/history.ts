/** What was seen of a cloud while it ran, by somebody who sees everything: what the checker judges. */
import type { Failure } from '../../machines/failure.ts';
import type { ReportedPowerState } from '../../machines/instance.ts';
import type { Instance } from '../../transport/messages/records.ts';

/** A client's request about one instance. */
export interface Asked {
  verb: string;
  uuid: string;
  at: number;
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

/** A shared disk that was removed although its instance was not done with it. */
export interface LossSeen {
  at: number;
  uuid: string;
  /** Of the instance. */
  state: string;
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
  readonly losses: LossSeen[] = [];
  readonly faults: FaultSeen[] = [];
  /** What an operator was told to look at. */
  readonly alarms: string[] = [];
  readonly forgotten: ForgottenInstance[] = [];
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

  latest(uuid: string): Instance | undefined {
    return this.records.get(uuid)?.at(-1)?.record;
  }
}

/** Whether the record that the store has kept is of what was asked. */
function isShownIn({ verb }: Asked, record: Instance | undefined): boolean {
  if (!record || verb !== 'delete') return record !== undefined;
  return record.vmState === 'deleted' || Boolean(record.isDeletionAsked ?? record.chart.context.isDeleteWanted);
}
