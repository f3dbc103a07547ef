/** The disks of a host of a simulated world, or of several that share them: tells what is done to which. */
import { contextOf } from '../../actors/instance/stored-chart.ts';
import type { GuestFacts } from '../../actors/simulated/boot-log.ts';
import { SimulatedDisks } from '../../actors/simulated/simulated-disks.ts';
import type { DiskSeen, History } from '../checker/history.ts';

export interface DiskPlace {
  name: string;
  isShared: boolean;
  /** Whether the host has its disks there. */
  isOf: (host: string) => boolean;
}

export class WatchedDisks extends SimulatedDisks {
  readonly #place: DiskPlace;
  readonly #history: History;
  readonly #now: () => number;

  constructor(place: DiskPlace, history: History, now: () => number) {
    super();
    this.#place = place;
    this.#history = history;
    this.#now = now;
  }

  override create(uuid: string, guest: GuestFacts): void {
    if (!this.get(uuid)) this.#saw('made', uuid, guest);
    super.create(uuid, guest);
  }

  override remove(uuid: string): void {
    const disk = this.get(uuid);
    if (disk) this.#saw('removed', uuid, disk.guest);
    super.remove(uuid);
  }

  override countBoot(uuid: string): void {
    const disk = this.get(uuid);
    if (disk) this.#saw('booted', uuid, disk.guest);
    super.countBoot(uuid);
  }

  #saw(did: DiskSeen['did'], uuid: string, { imageId }: GuestFacts): void {
    const { name, isShared, isOf } = this.#place;
    const record = this.#history.latest(uuid);
    const { host } = record ? contextOf(record) : {};
    const isOfHost = host !== undefined && isOf(host);
    this.#history.disks?.push({ at: this.#now(), uuid, did, place: name, isShared, imageId, record, isOfHost });
  }
}
