/**
 * Guest disks as files on the host's own disk, or on storage that it shares with others: Nova's _create_image with the
 * Qcow2 image backend.
 *
 *     <directory>/cache/<sha256>                 image bytes, shared by all guests
 *     <directory>/instances/<uuid>/disk.qcow2    overlay over the cached disk
 *     <directory>/instances/<uuid>/earlier.qcow2 the overlay that a resize has put aside
 *     <directory>/instances/<uuid>/config-drive.iso
 *     <directory>/instances/<uuid>/console.log   written by the hypervisor
 *
 * Keyed by the instance's uuid: steps for one instance run one after the other, and a file under its final name is
 * complete, so repeating makes only what is missing. Aborting kills the helper program and leaves no partial file.
 * What was already complete stays until `remove`. A disk never takes the place of another: a host that is slow, and whose
 * guest another has by now, cannot pull it from under that one. An overlay names its image relative to itself, so that it
 * is found wherever a host has mounted the storage.
 *
 * Overlay and config drive have mode 0600: libvirt's dynamic ownership, on by default, gives them to QEMU's user
 * while the domain runs. The folders can be passed through but not listed by others (0711).
 *
 * Needs qemu-img (qemu-utils), genisoimage, cp (coreutils), and prlimit (util-linux).
 */
import { randomBytes } from 'node:crypto';
import { chmod, link, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { fail } from '../../machines/failure.ts';
import type { GuestSpec } from '../hypervisor/hypervisor.ts';
import { cancelled } from '../process/cancelled.ts';
import { runCommand } from '../process/run-command.ts';
import { SerialQueue } from '../process/serial-queue.ts';
import { configDriveFiles } from './config-drive.ts';
import { writeConfigDriveIso } from './config-drive-iso.ts';
import { toDiskFailure } from './disk-failure.ts';
import type { GuestDisks, GuestFiles, ImageSource } from './guest-disks.ts';
import { ImageCache } from './image-cache.ts';
import { makePassage } from './make-passage.ts';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const bytesPerGb = 1024 ** 3;
/** Nova's random_seed. */
const randomSeedBytes = 512;
const overlayDeadlineMs = 120_000;
const copyDeadlineMs = 570_000;
/** Where the header of a qcow2 file has its virtual size, in bytes. */
const virtualSizeOffset = 24;

export interface LocalGuestDisksOptions {
  /** Absolute. Made when missing, with the folders in it. */
  directory: string;
  source: ImageSource;
  /** Names on PATH, or paths, of the helper programs. */
  programs?: { qemuImg?: string; genisoimage?: string };
}

export class LocalGuestDisks implements GuestDisks {
  readonly #instances: string;
  readonly #cache: ImageCache;
  readonly #qemuImg: string;
  readonly #genisoimage: string;
  readonly #queue = new SerialQueue();

  constructor({ directory, source, programs }: LocalGuestDisksOptions) {
    // libvirt wants absolute ones.
    if (!isAbsolute(directory)) throw new Error(`the folder for guest disks must be absolute: ${directory}`);
    this.#qemuImg = programs?.qemuImg ?? 'qemu-img';
    this.#genisoimage = programs?.genisoimage ?? 'genisoimage';
    this.#instances = join(directory, 'instances');
    this.#cache = new ImageCache({ directory: join(directory, 'cache'), source, qemuImg: this.#qemuImg });
  }

  files(guest: GuestSpec): GuestFiles {
    const folder = this.#folder(guest.uuid);
    const { image } = guest;
    return {
      ...(usesDisk(guest) ? { disk: this.#overlays(guest.uuid).disk } : {}),
      ...(image.kernel ? { kernel: this.#cache.path(image.kernel) } : {}),
      ...(image.ramdisk ? { ramdisk: this.#cache.path(image.ramdisk) } : {}),
      configDrive: join(folder, 'config-drive.iso'),
      consoleLog: this.consoleLog(guest.uuid),
    };
  }

  consoleLog(uuid: string): string {
    return join(this.#folder(uuid), 'console.log');
  }

  create(guest: GuestSpec, signal: AbortSignal): Promise<GuestFiles> {
    return this.#makeMissing(guest, signal, (files) => this.#createOverlay(guest, files, signal));
  }

  adopt(guest: GuestSpec, signal: AbortSignal): Promise<GuestFiles> {
    return this.#makeMissing(guest, signal, (files) => this.#adoptOverlay(guest, files, signal));
  }

  async #makeMissing(
    guest: GuestSpec,
    signal: AbortSignal,
    makeDisk: (files: GuestFiles) => Promise<void>,
  ): Promise<GuestFiles> {
    const files = this.files(guest);
    return await this.#queue.run(guest.uuid, signal, async () => {
      try {
        for (const image of wantedImages(guest)) await this.#cache.fetch(image, signal);
        await makePassage(this.#folder(guest.uuid));
        await makeDisk(files);
        await this.#createConfigDrive(guest, files, signal);
      } catch (thrown) {
        throw toDiskFailure(thrown);
      }
      if (signal.aborted) throw cancelled(signal);
      return files;
    });
  }

  async resize(uuid: string, rootGb: number, signal: AbortSignal): Promise<void> {
    const { disk, earlier } = this.#overlays(uuid);
    await this.#queue.run(uuid, signal, async () => {
      // The disk is put aside as it is; what then stands in its place is complete.
      if (!(await exists(earlier))) {
        if (!(await exists(disk))) return;
        await rename(disk, earlier);
      }
      if (await exists(disk)) return;
      try {
        await this.#makeDisk(uuid, async (partial) => {
          await runCommand('cp', ['--reflink=auto', '--sparse=always', earlier, partial], {
            signal,
            deadlineMs: copyDeadlineMs,
          });
          await this.#grow(partial, rootGb, signal);
        });
      } catch (thrown) {
        throw toDiskFailure(thrown);
      }
    });
  }

  async restore(guest: Pick<GuestSpec, 'uuid' | 'image'>, signal: AbortSignal): Promise<void> {
    const { uuid } = guest;
    await this.#queue.run(uuid, signal, async () => {
      const { disk, earlier } = this.#overlays(uuid);
      if (await exists(earlier)) await rename(earlier, disk);
      else if (usesDisk(guest) && !(await exists(disk))) {
        throw fail('disk_lost', `the disk of instance ${uuid} is not on this host`);
      }
    });
  }

  async forgetEarlier(uuid: string, signal: AbortSignal): Promise<void> {
    await this.#queue.run(uuid, signal, () => rm(this.#overlays(uuid).earlier, { force: true }));
  }

  async remove(uuid: string, signal: AbortSignal): Promise<void> {
    const folder = this.#folder(uuid);
    await this.#queue.run(uuid, signal, () => rm(folder, { recursive: true, force: true }));
  }

  async list(): Promise<string[]> {
    try {
      return (await readdir(this.#instances)).filter((name) => uuidPattern.test(name));
    } catch (thrown) {
      if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
      throw toDiskFailure(thrown);
    }
  }

  #folder(uuid: string): string {
    if (!uuidPattern.test(uuid)) {
      throw fail('invalid_request', 'the instance has no valid uuid', { details: { field: 'uuid' } });
    }
    return join(this.#instances, uuid);
  }

  #overlays(uuid: string) {
    const folder = this.#folder(uuid);
    const disk = join(folder, 'disk.qcow2');
    return { disk, partial: `${disk}.partial`, earlier: join(folder, 'earlier.qcow2') };
  }

  async #createOverlay(guest: GuestSpec, files: GuestFiles, signal: AbortSignal): Promise<void> {
    const { disk: image, diskFormat } = guest.image;
    if (!files.disk || !image || diskFormat === 'none') return;
    const virtualSize = await this.#cache.inspect(image, diskFormat, signal);
    const wantedSize = guest.flavor.rootGb * bytesPerGb;
    if (wantedSize > 0 && virtualSize > wantedSize) {
      throw fail('image_too_large', `the image needs ${virtualSize} bytes, the flavor's root disk has ${wantedSize}`, {
        details: { virtualSize, rootGb: guest.flavor.rootGb },
      });
    }
    if (await exists(files.disk)) return;

    const size = wantedSize > 0 ? [String(wantedSize)] : [];
    await this.#makeDisk(guest.uuid, async (partial) => {
      // Naming the backing format keeps QEMU from guessing it: a raw image could pose as qcow2.
      const backing = ['-b', fromInstance(this.#cache.path(image)), '-F', diskFormat];
      const create = ['create', '-q', '-f', 'qcow2', ...backing, partial, ...size];
      await runCommand(this.#qemuImg, create, { signal, deadlineMs: overlayDeadlineMs });
    });
  }

  /** Under its final name when it is complete, and never in place of one that has come to be there meanwhile. */
  async #makeDisk(uuid: string, make: (partial: string) => Promise<unknown>): Promise<void> {
    const { disk, partial } = this.#overlays(uuid);
    // One that a crash has left may be a second name of the disk.
    await rm(partial, { force: true });
    try {
      await make(partial);
      await chmod(partial, 0o600);
      await link(partial, disk);
    } catch (thrown) {
      if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown;
      throw fail('conflict', `another host has made the disk of instance ${uuid} meanwhile`);
    } finally {
      await rm(partial, { force: true });
    }
  }

  async #adoptOverlay({ uuid, flavor }: GuestSpec, { disk }: GuestFiles, signal: AbortSignal): Promise<void> {
    if (!disk) return;
    const { earlier } = this.#overlays(uuid);
    if (await exists(disk)) await rm(earlier, { force: true });
    else if (await exists(earlier)) await rename(earlier, disk);
    else {
      throw fail('disk_lost', `the disk of instance ${uuid} is not on this host: is the storage that has it mounted?`, {
        disposition: 'reschedule',
      });
    }
    await this.#grow(disk, flavor.rootGb, signal);
  }

  async #grow(disk: string, rootGb: number, signal: AbortSignal): Promise<void> {
    const size = rootGb * bytesPerGb;
    if (size <= (await virtualSizeOf(disk))) return;
    const resize = ['resize', '-q', '-f', 'qcow2', disk, String(size)];
    await runCommand(this.#qemuImg, resize, { signal, deadlineMs: overlayDeadlineMs });
  }

  async #createConfigDrive(guest: GuestSpec, files: GuestFiles, signal: AbortSignal): Promise<void> {
    if (await exists(files.configDrive)) return;
    const contents = configDriveFiles(guest, randomBytes(randomSeedBytes));
    await writeConfigDriveIso(files.configDrive, contents, { genisoimage: this.#genisoimage, signal });
  }
}

/** How an overlay names the file of an image in the cache beside the instances' folders. */
function fromInstance(cached: string): string {
  return join('..', '..', 'cache', basename(cached));
}

function usesDisk({ image }: Pick<GuestSpec, 'image'>): boolean {
  return image.disk !== undefined && image.diskFormat !== 'none';
}

function wantedImages(guest: GuestSpec) {
  const { disk, kernel, ramdisk } = guest.image;
  return [usesDisk(guest) ? disk : undefined, kernel, ramdisk].filter((image) => image !== undefined);
}

/** Of an overlay of our own; its guest cannot reach its header. */
async function virtualSizeOf(path: string): Promise<number> {
  await using file = await open(path, 'r');
  const { buffer } = await file.read(Buffer.alloc(8), 0, 8, virtualSizeOffset);
  return Number(buffer.readBigUInt64BE(0));
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
