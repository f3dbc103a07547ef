/** What an operator wants done where the guests of a host are not what the records say. */
export interface RecoverySettings {
  /** An instance whose guest ran and of which the hypervisor has no domain any more: `restart` makes one from its disks. */
  lostGuests: 'fail' | 'restart';
  /** Guests that ran when the machine went down, and are off since it was booted. Nova's resume_guests_state_on_host_boot. */
  rebootedGuests: 'leave' | 'start';
  /** Guests of this host's making of which there is no record at all. */
  unknownGuests: 'leave' | 'report' | 'destroy';
}

export const defaultRecovery: RecoverySettings = {
  lostGuests: 'fail',
  rebootedGuests: 'leave',
  unknownGuests: 'report',
};
