/**
 * The machine under a simulated hypervisor: a few facts for each guest's domain, filter and disk, and what QEMU would
 * refuse. Each method looks before it acts. It knows no latency, fault or link. With a journal it outlives the process.
 */
import { fail } from '../../machines/failure.ts';
import type { Chance, Clock } from '../../transport/clock.ts';
import type { GuestPort, GuestReport, GuestSpec } from '../hypervisor/hypervisor.ts';
import { bootLog, tailOf } from './boot-log.ts';
import type { GuestJournal } from './guest-journal.ts';
import { SimulatedConsole } from './simulated-console.ts';
import { SimulatedDisks } from './simulated-disks.ts';
import { type Domain, isActive, SimulatedDomains } from './simulated-domains.ts';

export interface SimulatedMachineOptions {
  chance: Chance;
  /** What fits into it; a domain beyond it does not start. Unbounded when absent. */
  memoryMb?: number;
  /** Where what it holds is kept; in memory when absent. */
  journal?: GuestJournal;
  /** The disks of all machines that are given them; its own when absent. */
  sharedDisks?: SimulatedDisks;
  /** Its own disks, where somebody watches them. */
  ownDisks?: SimulatedDisks;
}

/** What is held of guests, by kind: their uuids. */
export type Leftovers = Record<'domains' | 'filters' | 'disks' | 'earlierDisks', string[]>;

export class SimulatedMachine {
  readonly domains: SimulatedDomains;
  readonly disks: SimulatedDisks;
  readonly #filters: Map<string, 'prepared' | 'applied'>;
  /** Facts of the machine itself: `boot`, the id of its boot. */
  readonly #facts: Map<string, string>;
  readonly #sharesDisks: boolean;
  readonly #memoryMb: number;
  readonly #chance: Chance;

  constructor(
    { chance, memoryMb = Infinity, journal, sharedDisks, ownDisks }: SimulatedMachineOptions,
    report: (guest: GuestReport) => void,
  ) {
    const keep = <Value>(kind: string) => journal?.map<Value>(kind) ?? new Map<string, Value>();
    this.domains = new SimulatedDomains(keep('domain'), report);
    this.disks = sharedDisks ?? ownDisks ?? new SimulatedDisks(journal);
    this.#filters = keep('filter');
    this.#facts = keep('machine');
    this.#sharesDisks = sharedDisks !== undefined;
    this.#memoryMb = memoryMb;
    this.#chance = chance;
  }

  /** It goes down and up again: every guest is off, and its filter gone. */
  reboot(): void {
    for (const uuid of this.domains.uuids()) {
      const domain = this.domains.get(uuid);
      if (domain && isActive(domain)) this.domains.change(uuid, 'shutdown');
    }
    for (const uuid of [...this.#filters.keys()]) this.#filters.delete(uuid);
    this.#facts.set('boot', this.#chance.uuid());
  }

  bootId(): string {
    const known = this.#facts.get('boot') ?? this.#chance.uuid();
    if (!this.#facts.has('boot')) this.#facts.set('boot', known);
    return known;
  }

  /** Disks that are shared are nobody's own. */
  leftovers(): Leftovers {
    return {
      domains: this.domains.uuids(),
      filters: [...this.#filters.keys()],
      ...(this.#sharesDisks ? { disks: [], earlierDisks: [] } : this.disks.leftovers()),
    };
  }

  /** Of which there is a domain or a filter. */
  guests(): GuestReport[] {
    const uuids = new Set([...this.domains.uuids(), ...this.#filters.keys()]);
    return [...uuids].map((uuid) => this.domains.report(uuid));
  }

  consoleLog(uuid: string, maxBytes: number): string {
    const disk = this.disks.get(uuid);
    return disk ? tailOf(bootLog(disk.guest, disk.boots), maxBytes) : '';
  }

  /** Until the guest is off. */
  openConsole(uuid: string, clock: Clock): SimulatedConsole {
    const disk = this.disks.get(uuid);
    const domain = this.domains.get(uuid);
    if (!disk || !domain || !isActive(domain)) throw fail('conflict', `instance ${uuid} has no running guest`);
    const powerOff = () => this.switchOff(uuid, 'shutdown', 'the guest shut itself down');
    const console = new SimulatedConsole({ hostname: disk.guest.hostname, powerOff }, clock);
    void this.#finishWithGuest(uuid, console);
    return console;
  }

  async #finishWithGuest(uuid: string, console: SimulatedConsole): Promise<void> {
    const left = new AbortController();
    console.once('close', () => left.abort());
    const isOn = () => isActive(this.domains.get(uuid) ?? { powerState: 'shutdown' });
    while (isOn() && !left.signal.aborted) await this.domains.changeOf(uuid, left.signal).catch(() => undefined);
    console.finish();
  }

  prepareFilter(uuid: string): void {
    if (!this.#filters.has(uuid)) this.#filters.set(uuid, 'prepared');
  }

  applyFilter(uuid: string): void {
    this.#filters.set(uuid, 'applied');
  }

  removeFilter(uuid: string): void {
    this.#filters.delete(uuid);
  }

  filterOf(uuid: string): 'prepared' | 'applied' | undefined {
    return this.#filters.get(uuid);
  }

  createDisks({ uuid, image, configDrive: { hostname, publicKeys }, ports }: GuestSpec): void {
    const keys = publicKeys.map(({ publicKey }) => publicKey);
    this.disks.create(uuid, { imageId: image.id, hostname, addresses: ports.map(addressesOf), publicKeys: keys });
  }

  createDomain({ uuid, domainName, flavor: { memoryMb } }: GuestSpec): void {
    const known = this.domains.get(uuid);
    if (known && isActive(known)) return;
    this.#boot(uuid, memoryMb, () => this.domains.create(uuid, domainName, memoryMb));
  }

  destroyDomain(uuid: string): void {
    const domain = this.domains.get(uuid);
    if (!domain) return;
    if (isActive(domain)) this.domains.change(uuid, 'shutdown');
    this.domains.remove(uuid);
  }

  /** Resolves when the guest runs; rejects when it never will. */
  async running(uuid: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const { powerState } = this.domains.report(uuid);
      if (powerState === 'running') return;
      if (powerState !== 'paused' && powerState !== 'nostate') {
        throw fail('domain_lost', `the domain of instance ${uuid} is ${powerState} before it ran`, {
          disposition: 'reschedule',
          details: { powerState },
        });
      }
      await this.domains.changeOf(uuid, signal);
    }
  }

  /** Unpauses what is paused, and resumes what was suspended, which is no boot. */
  bringUp(uuid: string): void {
    const domain = this.#present(uuid);
    if (domain.powerState === 'paused' || domain.powerState === 'suspended') this.domains.change(uuid, 'running');
    else if (!isActive(domain)) this.#boot(uuid, domain.memoryMb, () => this.domains.change(uuid, 'running'));
  }

  /** `shutdown` by its user, or by us; `crashed` by itself. */
  switchOff(uuid: string, powerState: 'shutdown' | 'crashed' = 'shutdown', reason?: string): void {
    if (isActive(this.#present(uuid))) this.domains.change(uuid, powerState, reason);
  }

  /** A soft one changes no power state, as on libvirt. */
  rebootGuest(uuid: string, how: 'soft' | 'hard'): void {
    const { powerState, memoryMb } = this.#present(uuid);
    if (how === 'soft' && powerState === 'running') {
      this.#boot(uuid, 0, () => undefined);
    } else {
      this.switchOff(uuid);
      this.#boot(uuid, memoryMb, () => this.domains.change(uuid, 'running'));
    }
  }

  /** Of a guest that runs, or did until it was paused. */
  change(uuid: string, powerState: 'running' | 'paused' | 'suspended'): void {
    const domain = this.#present(uuid);
    if (domain.powerState === powerState) return;
    if (!isActive(domain)) throw fail('conflict', `instance ${uuid} does not run`);
    this.domains.change(uuid, powerState);
  }

  /** As QEMU: neither without a disk, nor without memory. */
  #boot(uuid: string, memoryMb: number, run: () => void): void {
    if (!this.disks.get(uuid)) {
      throw fail('hypervisor_error', `instance ${uuid} has no disk`, { disposition: 'reschedule' });
    }
    if (this.#memoryMb < Infinity && this.domains.usedMemoryMb() + memoryMb > this.#memoryMb) {
      throw fail('hypervisor_error', 'cannot set up guest memory: cannot allocate memory', {
        disposition: 'reschedule',
      });
    }
    this.disks.countBoot(uuid);
    run();
  }

  #present(uuid: string): Domain {
    const domain = this.domains.get(uuid);
    if (!domain) throw fail('domain_lost', `instance ${uuid} has no domain on this host`);
    return domain;
  }
}

function addressesOf({ fixedIps }: GuestPort): string[] {
  return fixedIps.map(({ address, prefixLength }) => `${address}/${prefixLength}`);
}
