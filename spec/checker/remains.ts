/** What a cloud holds at a moment at which nothing is under way. */
import type { ReportedPowerState } from '../../machines/instance.ts';
import type { AddressLease, Instance, Port } from '../../transport/messages/records.ts';

export interface Remains {
  instances: Instance[];
  ports: Port[];
  /** By their keys. */
  leases: Map<string, AddressLease>;
  /** The keys of what is, or was, to be put on guests. */
  payloads: string[];
  /** But for those whose record the store has lost, as their host has told: they are for an operator to decide. */
  guests: HeldGuest[];
  /** How many casts wait to be taken. */
  casts: number;
}

/** What a host's hypervisor holds of one instance. */
export interface HeldGuest {
  host: string;
  uuid: string;
  /** `absent`: there is no domain, but something else is held of it. */
  powerState: ReportedPowerState;
  /** What is held, for a person: `domain`, `disk`, `filter`. */
  held: string[];
  /** What only a simulated machine tells. */
  details?: GuestDetails;
}

export interface GuestDetails {
  filter: 'prepared' | 'applied' | undefined;
  /** Of its domain. */
  memoryMb: number | undefined;
  /** That its disk tells the guest: one list for each port. */
  addresses: readonly (readonly string[])[];
}
