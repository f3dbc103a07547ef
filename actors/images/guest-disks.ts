/**
 * The files a guest boots from, on one host. Made before the domain, removed after it.
 * Implemented by `local-guest-disks.ts`; the libvirt actor only knows this interface.
 */
import type { GuestSpec } from '../hypervisor/hypervisor.ts';

/** Absolute paths. */
export interface GuestFiles {
  /** A qcow2 overlay over the cached image; absent when the image has no disk. */
  disk?: string;
  kernel?: string;
  ramdisk?: string;
  /** ISO 9660, label config-2. */
  configDrive: string;
  /** Where the serial console is logged; the folder exists. */
  consoleLog: string;
}

export interface GuestDisks {
  /** Where the files of this guest are or would be; touches nothing. */
  files(guest: GuestSpec): GuestFiles;
  /** The same for one of whom only the uuid is known. */
  consoleLog(uuid: string): string;
  /** Makes what is missing. Idempotent by uuid; rejects with `image_unavailable`, `disk_full`, `image_too_large`. */
  create(guest: GuestSpec, signal: AbortSignal): Promise<GuestFiles>;
  /**
   * The same of a guest whose disk is another host's work: that has to be there, and is never made. What a resize has put
   * aside takes its place when there is none, else it is removed; a disk that is smaller than the flavor's grows.
   * Idempotent by uuid; rejects with `disk_lost`, too.
   */
  adopt(guest: GuestSpec, signal: AbortSignal): Promise<GuestFiles>;
  /**
   * Puts the disk aside and makes a copy of it that is as large as `rootGb`, never smaller; 0: of the same size. A guest
   * without a disk keeps being one. Idempotent by uuid; rejects with `disk_full`.
   */
  resize(uuid: string, rootGb: number, signal: AbortSignal): Promise<void>;
  /** Puts the disk back that `resize` put aside, if it did. Rejects with `disk_lost` when there is none after that. */
  restore(guest: Pick<GuestSpec, 'uuid' | 'image'>, signal: AbortSignal): Promise<void>;
  /** Removes the disk that `resize` put aside, if it did. */
  forgetEarlier(uuid: string, signal: AbortSignal): Promise<void>;
  /** Removes what is there. Idempotent by uuid. */
  remove(uuid: string, signal: AbortSignal): Promise<void>;
  /** The uuids of the guests of which there are any files. */
  list(): Promise<string[]>;
}

/** Where image bytes come from when they are not in the host's cache. */
export interface ImageSource {
  /** Rejects with `image_unavailable` when there is no such image. */
  open(sha256: string): Promise<ReadableStream<Uint8Array>>;
}
