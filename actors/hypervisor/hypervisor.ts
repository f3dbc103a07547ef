/**
 * The interface between a compute host and what runs its virtual machines. Two stand behind it: libvirt and the
 * simulated hypervisor.
 *
 * Every effect is keyed by the instance's uuid and looks whether its work is done before doing it, so that it may be
 * repeated after a crash. Every effect rejects with a FailureError, and stops waiting when `signal` aborts; what
 * it had already asked of the hypervisor may still happen, which is why undoing looks first too.
 */

import type { Duplex } from 'node:stream';
import type { ReportedPowerState } from '../../machines/instance.ts';
import type { ConsoleKind } from '../../transport/messages/console.ts';

/** What a spawn needs to know of an instance. The same value is handed to each step of it. */
export interface GuestSpec {
  uuid: string;
  /** The hypervisor's name for it: `instance-` and eight characters of the uuid. */
  domainName: string;
  /** What the client called it; for the domain's metadata only. */
  displayName: string;
  projectId: string;
  userId: string;
  flavor: { name: string; vcpus: number; memoryMb: number; rootGb: number };
  image: GuestImage;
  ports: GuestPort[];
  configDrive: ConfigDriveContent;
}

/** What a guest’s place on the network has to know of it: also of one whose image is gone. */
export type PluggedGuest = Pick<GuestSpec, 'uuid' | 'ports'>;

export interface GuestImage {
  id: string;
  name: string;
  /** The disk's format; `none` for an image that is a kernel and a ramdisk only. */
  diskFormat: 'qcow2' | 'raw' | 'none';
  /** Names in the image store. A kernel is booted directly when given; otherwise the disk boots. */
  disk?: ImageFile;
  kernel?: ImageFile;
  ramdisk?: ImageFile;
  kernelArguments?: string;
}

export interface ImageFile {
  /** Lower-case hex SHA-256 of the bytes: the name in the store and in each host's cache. */
  sha256: string;
  /** Bytes. */
  size: number;
}

export interface GuestPort {
  id: string;
  mac: string;
  /** The Linux bridge on the host that the tap joins. */
  bridge: string;
  mtu: number;
  fixedIps: { address: string; prefixLength: number; gateway?: string }[];
  dnsServers: string[];
}

/** What the guest finds on its config drive. Secret: never logged. */
export interface ConfigDriveContent {
  hostname: string;
  availabilityZone: string;
  metadata: Record<string, string>;
  publicKeys: { name: string; publicKey: string }[];
  adminPassword?: string;
  /** Base64. */
  userData?: string;
  files: { path: string /** Base64. */; contents: string }[];
}

export interface HypervisorFacts {
  type: 'QEMU' | 'simulated';
  /** As the hypervisor gives it, for example 7002000 for QEMU 7.2.0. */
  version: number;
  /** What instances run under. */
  virtType: 'kvm' | 'qemu' | 'simulated';
  architectures: string[];
}

export type HypervisorEvent =
  | { type: 'connected' }
  | { type: 'lost'; reason: string }
  /** The guest's power state changed, whoever changed it. */
  | ({ type: 'power' } & GuestReport);

/** What a guest does. */
export interface GuestReport {
  uuid: string;
  /** `absent`: it has no domain. */
  powerState: ReportedPowerState;
  /** How it came to that, in words for people, where the hypervisor knows: `the guest crashed`. */
  reason?: string;
}

export interface Hypervisor {
  /** Connects and stays connected, by itself, until `close`. Rejects only when the first attempt fails. */
  connect(): Promise<HypervisorFacts>;
  close(): Promise<void>;
  readonly isConnected: boolean;
  /** Returns the function that takes the listener away again. */
  onEvent(listener: (event: HypervisorEvent) => void): () => void;

  // The steps of a spawn, in order.
  /** Nova's setup_basic_filtering and prepare_instance_filter. */
  prepareFilter(guest: PluggedGuest, signal: AbortSignal): Promise<void>;
  /** Nova's _create_image: image cache, overlay, resize, config drive. */
  createDisks(guest: GuestSpec, signal: AbortSignal): Promise<void>;
  /**
   * Instead, of disks that another host has made on storage that both share: makes what is missing around them, and ends
   * what a resize has left. Rejects with `disk_lost`, to be placed elsewhere, where there are none.
   */
  adoptDisks(guest: GuestSpec, signal: AbortSignal): Promise<void>;
  /** Nova's to_xml and _create_new_domain: defines the domain and starts it. */
  createDomain(guest: GuestSpec, signal: AbortSignal): Promise<void>;
  /** Nova's _enable_hairpin, on each tap of the guest. */
  enableHairpin(guest: PluggedGuest, signal: AbortSignal): Promise<void>;
  /** Nova's apply_instance_filter. */
  applyFilter(guest: PluggedGuest, signal: AbortSignal): Promise<void>;
  /** Resolves when the domain runs; rejects with `domain_lost` when it disappears. */
  waitForBoot(uuid: string, signal: AbortSignal): Promise<void>;

  // Power. Each resolves when the guest has reached the state, and is a no-op when it is already there.
  start(uuid: string, signal: AbortSignal): Promise<void>;
  /** Asks the guest to power off; pulls the plug when it has not after `graceMs`. */
  stop(uuid: string, graceMs: number, signal: AbortSignal): Promise<void>;
  /** Soft: asks the guest to restart itself, resolves when the hypervisor reports it. Hard: off and on again. */
  reboot(uuid: string, how: 'soft' | 'hard', signal: AbortSignal): Promise<void>;
  pause(uuid: string, signal: AbortSignal): Promise<void>;
  unpause(uuid: string, signal: AbortSignal): Promise<void>;
  /** To disk. */
  suspend(uuid: string, signal: AbortSignal): Promise<void>;
  resume(uuid: string, signal: AbortSignal): Promise<void>;

  // Changing a guest that is off.
  /** Defines the domain anew from what the guest is now, without starting it; replaces the definition that there is. */
  defineDomain(guest: GuestSpec, signal: AbortSignal): Promise<void>;
  /** Puts the disk aside and makes a copy of it that is as large as `rootGb`, never smaller; 0: of the same size. */
  resizeDisks(uuid: string, rootGb: number, signal: AbortSignal): Promise<void>;
  /** Puts the disk back that `resizeDisks` put aside. Rejects with `disk_lost` when there is none after that. */
  restoreDisks(guest: Pick<GuestSpec, 'uuid' | 'image'>, signal: AbortSignal): Promise<void>;
  /** Removes the disk that `resizeDisks` put aside. */
  forgetEarlierDisks(uuid: string, signal: AbortSignal): Promise<void>;

  // Undoing, in order. Each is a no-op where there is nothing left to undo.
  destroyDomain(uuid: string, signal: AbortSignal): Promise<void>;
  removeFilter(uuid: string, signal: AbortSignal): Promise<void>;
  removeDisks(uuid: string, signal: AbortSignal): Promise<void>;

  // Looking.
  powerState(uuid: string): Promise<ReportedPowerState>;
  /** Every guest of this host's making of which there is a domain or a filter, or those of `among` alone. No others'. */
  listGuests(signal: AbortSignal, among?: ReadonlySet<string>): Promise<GuestReport[]>;
  /** The uuids of the guests of which there are disks: also others' on storage that hosts share. */
  listDisks(signal: AbortSignal): Promise<string[]>;
  /** Of the machine. When it is another one, the machine was booted since, and whatever ran then is off. */
  bootId(): Promise<string>;
  /** The last `maxBytes` of what the guest wrote to its serial console. */
  consoleLog(uuid: string, maxBytes: number): Promise<string>;
  /**
   * The guest's serial console, or its screen as RFB: bytes both ways, as fast as they are read, until the guest is off.
   * Whoever opens one serial console has it from then on, and the one before ends. Rejects with `conflict` when the guest
   * does not run, and with `unsupported` when it has no such console.
   */
  openConsole(uuid: string, kind: ConsoleKind): Promise<Duplex>;
}
