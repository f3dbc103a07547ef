/**
 * What stands between a guest's tap and the network. The steps are Nova's, so that the network engine that comes
 * later (OVN) can take this place. Idempotent by the instance's uuid; rejects with FailureError.
 */
import type { PluggedGuest } from '../hypervisor/hypervisor.ts';

export interface Firewall {
  /** What every guest of the host needs once: tables and base chains. */
  setupBasicFiltering(signal: AbortSignal): Promise<void>;
  /** This guest's rules, not in force yet: its taps need not exist. */
  prepareInstanceFilter(guest: PluggedGuest, signal: AbortSignal): Promise<void>;
  /** Puts this guest's rules in force. */
  applyInstanceFilter(guest: PluggedGuest, signal: AbortSignal): Promise<void>;
  removeInstanceFilter(uuid: string, signal: AbortSignal): Promise<void>;
  /** The uuids of the instances that have a filter, in force or not. */
  listInstanceFilters(signal: AbortSignal): Promise<string[]>;
}
