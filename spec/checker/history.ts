/** What was seen of a cloud while it ran, by somebody who sees everything: what the checker judges. */
import type { Failure } from '../../machines/failure.ts';
import type { ReportedPowerState } from '../../machines/instance.ts';
import type { Instance } from '../../transport/messages/records.ts';

/** A client's request about one instance. */
export interface Asked {
  verb: string;
  uuid: string;
  at: number;
  /** `unknown`: no answer came. */
  outcome: 'pending' | 'accepted' | 'refused' | 'unknown';
  failure?: Failure;
}

/** A version of an instance's record. */
export interface RecordSeen {
  at: number;
  revision: number;
  record: Instance;
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

  saw(uuid: string, seen: RecordSeen): void {
    const versions = this.records.get(uuid);
    if (versions) versions.push(seen);
    else this.records.set(uuid, [seen]);
  }

  latest(uuid: string): Instance | undefined {
    return this.records.get(uuid)?.at(-1)?.record;
  }
}
