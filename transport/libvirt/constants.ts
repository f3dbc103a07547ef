/** The numbers of libvirt's public API (libvirt-domain.h, libvirt-host.h) that are used here, under its own words. */

/** virDomainState. */
export const domainStates = {
  nostate: 0,
  running: 1,
  blocked: 2,
  paused: 3,
  shutdown: 4,
  shutoff: 5,
  crashed: 6,
  pmsuspended: 7,
} as const;

/** virDomainControlState. */
export const controlStates = { ok: 0, job: 1, occupied: 2, error: 3 } as const;

/** virDomainShutoffReason. */
export const shutoffReasons = { shutdown: 1, destroyed: 2, crashed: 3, failed: 6, daemon: 8 } as const;

/** virDomainPausedReason. */
export const pausedReasons = { ioError: 5, watchdog: 6, crashed: 10, startingUp: 11 } as const;

/** virDomainMetadataType. */
export const metadataTypes = { element: 2 } as const;

/** virDomainEventID: what one registers for. */
export const eventIds = { lifecycle: 0, reboot: 1, deviceRemoved: 15 } as const;

/** virDomainEventType: the kinds of a lifecycle event. */
export const lifecycleKinds = {
  defined: 0,
  undefined: 1,
  started: 2,
  suspended: 3,
  resumed: 4,
  stopped: 5,
  shutdown: 6,
  pmsuspended: 7,
  crashed: 8,
} as const;

/** virDomainEventShutdownDetailType. */
export const shutdownDetails = { guest: 1, host: 2 } as const;

/** virConnectListAllDomainsFlags. */
export const listFlags = { all: 0, managedSave: 1 << 8 } as const;

/** virDomainCreateFlags. */
export const createFlags = { none: 0, paused: 1 << 0, forceBoot: 1 << 4 } as const;

/** virDomainXMLFlags. */
export const xmlFlags = { inactive: 1 << 1 } as const;

/** virDomainUndefineFlagsValues. */
export const undefineFlags = { managedSave: 1 << 0, snapshotsMetadata: 1 << 1, nvram: 1 << 2 } as const;

/** virDomainDeviceModifyFlags. */
export const deviceFlags = { live: 1 << 0, config: 1 << 1 } as const;

/** virDomainConsoleFlags. */
export const consoleFlags = { force: 1 << 0 } as const;

/** virErrorNumber: the codes that are acted on. */
export const errorCodes = {
  internal: 1,
  noMemory: 2,
  noSupport: 3,
  noConnect: 5,
  invalidArgument: 8,
  operationFailed: 9,
  xml: 27,
  domainExists: 28,
  operationDenied: 29,
  openFailed: 30,
  xmlDetail: 35,
  system: 38,
  rpc: 39,
  noDomain: 42,
  authFailed: 45,
  operationInvalid: 55,
  configUnsupported: 67,
  operationTimeout: 68,
  argumentUnsupported: 74,
  operationAborted: 78,
  authCancelled: 79,
  noDomainMetadata: 80,
  operationUnsupported: 84,
  agentUnresponsive: 86,
  resourceBusy: 87,
  accessDenied: 88,
  cpuIncompatible: 91,
  xmlInvalidSchema: 92,
  authUnavailable: 94,
  deviceMissing: 99,
} as const;
