/** libvirt's domain states in the words of an instance. */

import type { PowerState } from '../../machines/instance.ts';
import { domainStates, shutoffReasons } from '../../transport/libvirt/constants.ts';

export interface RawState {
  /** virDomainState. */
  state: number;
  /** Its meaning depends on the state. */
  reason: number;
}

/** As Nova's LIBVIRT_POWER_STATE, but a guest that was saved to disk is `suspended` and one that died `crashed`. */
export function powerStateOf({ state, reason }: RawState, hasManagedSave: boolean): PowerState {
  switch (state) {
    case domainStates.running:
    case domainStates.blocked:
      return 'running';
    case domainStates.paused:
      return 'paused';
    case domainStates.shutdown:
      return 'shutdown';
    case domainStates.shutoff:
      if (hasManagedSave) return 'suspended';
      return reason === shutoffReasons.crashed ? 'crashed' : 'shutdown';
    case domainStates.crashed:
      return 'crashed';
    case domainStates.pmsuspended:
      return 'suspended';
    default:
      return 'nostate';
  }
}

/** There is a process behind it: it can be destroyed, and cannot be started. */
export function isActive({ state }: RawState): boolean {
  return state !== domainStates.shutoff && state !== domainStates.nostate;
}

export function isRunning({ state }: RawState): boolean {
  return state === domainStates.running || state === domainStates.blocked;
}

export function isPaused({ state }: RawState): boolean {
  return state === domainStates.paused;
}
