/**
 * The disks of simulated guests: facts about them, of one host or of several that share their storage. With a journal they
 * outlive the process.
 */
import { fail } from '../../machines/failure.ts';
import type { GuestFacts } from './boot-log.ts';
import type { GuestJournal } from './guest-journal.ts';

/** A guest's disk, with what the guest wrote to its console, which stands beside it. */
export interface Disk {
  readonly guest: GuestFacts;
  readonly boots: number;
}

export class SimulatedDisks {
  readonly #disks: Map<string, Disk>;
  /** Put aside by a resize. */
  readonly #earlier: Map<string, Disk>;

  constructor(journal?: GuestJournal) {
    this.#disks = journal?.map('disk') ?? new Map();
    this.#earlier = journal?.map('earlier disk') ?? new Map();
  }

  get(uuid: string): Disk | undefined {
    return this.#disks.get(uuid);
  }

  create(uuid: string, guest: GuestFacts): void {
    if (!this.#disks.has(uuid)) this.#disks.set(uuid, { guest, boots: 0 });
  }

  adopt(uuid: string): void {
    if (!this.#disks.has(uuid)) this.#putBack(uuid);
    if (!this.#disks.has(uuid)) {
      throw fail('disk_lost', `the disk of instance ${uuid} is not on this host`, { disposition: 'reschedule' });
    }
    this.forgetEarlier(uuid);
  }

  /** The guest boots from it. */
  countBoot(uuid: string): void {
    const disk = this.#disks.get(uuid);
    if (disk) this.#disks.set(uuid, { ...disk, boots: disk.boots + 1 });
  }

  resize(uuid: string): void {
    const disk = this.#disks.get(uuid);
    if (!disk || this.#earlier.has(uuid)) return;
    this.#earlier.set(uuid, disk);
    this.#disks.set(uuid, { ...disk });
  }

  restore(uuid: string): void {
    this.#putBack(uuid);
    if (!this.#disks.has(uuid)) throw fail('disk_lost', `the disk of instance ${uuid} is not on this host`);
  }

  #putBack(uuid: string): void {
    const disk = this.#earlier.get(uuid);
    if (!disk) return;
    this.#disks.set(uuid, disk);
    this.#earlier.delete(uuid);
  }

  forgetEarlier(uuid: string): void {
    this.#earlier.delete(uuid);
  }

  remove(uuid: string): void {
    this.#disks.delete(uuid);
    this.#earlier.delete(uuid);
  }

  list(): string[] {
    return [...new Set([...this.#disks.keys(), ...this.#earlier.keys()])];
  }

  leftovers(): { disks: string[]; earlierDisks: string[] } {
    return { disks: [...this.#disks.keys()], earlierDisks: [...this.#earlier.keys()] };
  }
}
