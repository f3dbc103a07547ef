/** Why a guest does what it does, in words for people, where libvirt says so. */
import {
  domainStates,
  lifecycleKinds,
  pausedReasons,
  shutdownDetails,
  shutoffReasons,
} from '../../transport/libvirt/constants.ts';
import type { RawState } from './power-state.ts';

const words = {
  guestShutDown: 'the guest shut itself down',
  hostShutDown: 'the guest was shut down from its host',
  crashed: 'the guest crashed',
  destroyed: 'the guest was switched off on its host',
  failed: 'the guest did not come up',
  daemon: 'libvirt came back, and could not go on with the guest',
  ioError: 'the guest is halted: its disk cannot be written or read',
  watchdog: 'the guest is halted by its watchdog',
  undefined: 'its domain was removed on its host',
} as const;

/** Of what one sees by looking. */
export function reasonOfState({ state, reason }: RawState): string | undefined {
  if (state === domainStates.shutoff) {
    switch (reason) {
      case shutoffReasons.shutdown:
        return words.guestShutDown;
      case shutoffReasons.destroyed:
        return words.destroyed;
      case shutoffReasons.crashed:
        return words.crashed;
      case shutoffReasons.failed:
        return words.failed;
      case shutoffReasons.daemon:
        return words.daemon;
    }
  }
  if (state === domainStates.crashed) return words.crashed;
  if (state === domainStates.paused) {
    if (reason === pausedReasons.ioError) return words.ioError;
    if (reason === pausedReasons.watchdog) return words.watchdog;
    if (reason === pausedReasons.crashed) return words.crashed;
  }
  return undefined;
}

/** Of an event, which may know more: who shut the guest down, or that its domain was removed. */
export function reasonOfEvent(kind: number, detail: number): string | undefined {
  switch (kind) {
    case lifecycleKinds.undefined:
      return words.undefined;
    case lifecycleKinds.crashed:
      return words.crashed;
    case lifecycleKinds.shutdown:
      if (detail === shutdownDetails.host) return words.hostShutDown;
      return detail === shutdownDetails.guest ? words.guestShutDown : undefined;
    default:
      return undefined;
  }
}
