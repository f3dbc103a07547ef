/**
 * The Hypervisor that is not real: guests that are a few facts in memory, for tests, demonstrations and scale. It keeps
 * the rules of the libvirt actor (effects look before they act, power events, conflicts, a link that drops under a step),
 * and does what libvirt does only on bad days when it is told to: see StepScript.
 *
 * What it holds outlives `close`, as guests outlive the process that made them: connect again to find them. With a journal
 * it outlives the process too.
 */
import { type Failure, fail } from '../../machines/failure.ts';
import type { ReportedPowerState } from '../../machines/instance.ts';
import type { Chance } from '../../transport/clock.ts';
import type {
  GuestPort,
  GuestReport,
  GuestSpec,
  Hypervisor,
  HypervisorEvent,
  HypervisorFacts,
} from '../hypervisor/hypervisor.ts';
import { cancelled } from '../process/cancelled.ts';
import { bootLog, tailOf } from './boot-log.ts';
import { Gate } from './gate.ts';
import type { GuestJournal } from './guest-journal.ts';
import { SimulatedDisks } from './simulated-disks.ts';
import { type Domain, isActive, SimulatedDomains } from './simulated-domains.ts';
import { type Latency, type StepFault, type StepName, StepScript, type StepScriptOptions } from './step-script.ts';

export interface SimulatedHypervisorOptions extends StepScriptOptions {
  /** What fits into the host; a domain beyond it does not start. Unbounded when absent. */
  memoryMb?: number;
  /** `x86_64` unless given. */
  architectures?: string[];
  /** Where what it holds is kept; in memory when absent. */
  journal?: GuestJournal;
  /** The disks of all hypervisors that are given them; its own when absent. */
  sharedDisks?: SimulatedDisks;
}

export class SimulatedHypervisor implements Hypervisor {
  readonly #script: StepScript;
  readonly #memoryMb: number;
  readonly #architectures: string[];
  readonly #listeners = new Set<(event: HypervisorEvent) => void>();
  readonly #domains: SimulatedDomains;
  readonly #filters: Map<string, 'prepared' | 'applied'>;
  readonly #disks: SimulatedDisks;
  readonly #sharesDisks: boolean;
  /** Of the machine that is simulated: `boot`, the id of its boot. */
  readonly #machine: Map<string, string>;
  readonly #chance: Chance;
  readonly #link = new Gate();

  constructor(options: SimulatedHypervisorOptions) {
    const { memoryMb = Infinity, architectures = ['x86_64'], journal, sharedDisks, ...script } = options;
    const keep = <Value>(kind: string) => journal?.map<Value>(kind) ?? new Map<string, Value>();
    this.#domains = new SimulatedDomains(keep('domain'), (report) => this.#emit({ type: 'power', ...report }));
    this.#filters = keep('filter');
    this.#disks = sharedDisks ?? new SimulatedDisks(journal);
    this.#sharesDisks = sharedDisks !== undefined;
    this.#machine = keep('machine');
    this.#chance = script.chance;
    this.#script = new StepScript(script);
    this.#memoryMb = memoryMb;
    this.#architectures = architectures;
    this.#link.refuse(notConnected());
  }

  // What a test or a demonstration does to it.

  /** How long a step takes from now on. */
  delay(step: StepName, latency: Latency): void {
    this.#script.delay(step, latency);
  }

  /** The next `times` runs of the step fail; `after`: they do their work, and its answer is lost. */
  failNext(step: StepName, failure?: Failure, times = 1, timing: StepFault['timing'] = 'before'): void {
    this.#script.addFault(step, { ...(failure && { failure }), times, timing });
  }

  /** Every run of the step fails, with this probability, until `heal`. */
  failAlways(step: StepName, failure?: Failure, probability = 1): void {
    this.#script.addFault(step, { ...(failure && { failure }), probability });
  }

  heal(step: StepName): void {
    this.#script.removeFaults(step);
  }

  /** The step does not come to an end. Returns the function that lets it go on. */
  hang(step: StepName): () => void {
    return this.#script.hang(step);
  }

  crashGuest(uuid: string): void {
    if (isActive(this.#present(uuid))) this.#domains.change(uuid, 'crashed', 'the guest crashed');
  }

  /** From inside, by its user. */
  shutDownGuest(uuid: string): void {
    if (isActive(this.#present(uuid))) this.#domains.change(uuid, 'shutdown', 'the guest shut itself down');
  }

  /** Its domain is gone behind our back; disks and filter stay. */
  loseGuest(uuid: string): void {
    this.#domains.remove(uuid, 'its domain was removed on its host');
  }

  /** The machine goes down and up again: every guest is off, and its filter gone. The process on it is not its matter. */
  rebootMachine(): void {
    for (const uuid of this.#domains.uuids()) {
      const domain = this.#domains.get(uuid);
      if (domain && isActive(domain)) this.#domains.change(uuid, 'shutdown');
    }
    for (const uuid of [...this.#filters.keys()]) this.#filters.delete(uuid);
    this.#machine.set('boot', this.#chance.uuid());
  }

  /** Guests go on; steps wait until the link is back. */
  loseConnection(reason = 'the simulated link was cut'): void {
    if (!this.#link.isOpen) return;
    this.#link.shut();
    this.#domains.hide();
    this.#emit({ type: 'lost', reason });
  }

  restoreConnection(): void {
    if (this.#link.isOpen) return;
    this.#link.open();
    this.#emit({ type: 'connected' });
    this.#domains.show({ isFirst: false });
  }

  /** The uuids of which something is held. Disks that are shared are nobody's own. */
  leftovers(): { domains: string[]; filters: string[]; disks: string[]; earlierDisks: string[] } {
    return {
      domains: this.#domains.uuids(),
      filters: [...this.#filters.keys()],
      ...(this.#sharesDisks ? { disks: [], earlierDisks: [] } : this.#disks.leftovers()),
    };
  }

  /** What the guest does, whether anybody is connected or not. */
  peek(uuid: string): ReportedPowerState {
    return this.#domains.get(uuid)?.powerState ?? 'absent';
  }

  // The connection.

  async connect(): Promise<HypervisorFacts> {
    await this.#script.play('connect', undefined, () => {
      if (this.#link.isOpen) return;
      this.#link.open();
      this.#emit({ type: 'connected' });
      this.#domains.show({ isFirst: true });
    });
    return { type: 'simulated', version: 1_000_000, virtType: 'simulated', architectures: this.#architectures };
  }

  async close(): Promise<void> {
    this.#link.refuse(notConnected());
    this.#domains.hide();
  }

  get isConnected(): boolean {
    return this.#link.isOpen;
  }

  onEvent(listener: (event: HypervisorEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // Spawning.

  prepareFilter({ uuid }: GuestSpec, signal: AbortSignal): Promise<void> {
    return this.#do('prepareFilter', signal, () => {
      if (!this.#filters.has(uuid)) this.#filters.set(uuid, 'prepared');
    });
  }

  createDisks({ uuid, configDrive, ports }: GuestSpec, signal: AbortSignal): Promise<void> {
    return this.#do('createDisks', signal, () => {
      const { hostname, publicKeys } = configDrive;
      const keys = publicKeys.map(({ publicKey }) => publicKey);
      this.#disks.create(uuid, { hostname, addresses: ports.map(addressesOf), publicKeys: keys });
    });
  }

  adoptDisks({ uuid }: GuestSpec, signal: AbortSignal): Promise<void> {
    return this.#do('adoptDisks', signal, () => this.#disks.adopt(uuid));
  }

  createDomain({ uuid, domainName, flavor }: GuestSpec, signal: AbortSignal): Promise<void> {
    return this.#do('createDomain', signal, () => {
      const known = this.#domains.get(uuid);
      if (known && isActive(known)) return;
      this.#boot(uuid, flavor.memoryMb, () => this.#domains.create(uuid, domainName, flavor.memoryMb));
    });
  }

  /** There is no bridge. */
  enableHairpin(_: GuestSpec, signal: AbortSignal): Promise<void> {
    return this.#do('enableHairpin', signal, () => undefined);
  }

  applyFilter({ uuid }: GuestSpec, signal: AbortSignal): Promise<void> {
    return this.#do('applyFilter', signal, () => {
      this.#filters.set(uuid, 'applied');
    });
  }

  waitForBoot(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('waitForBoot', signal, async () => {
      for (;;) {
        const powerState = this.#domains.get(uuid)?.powerState ?? 'absent';
        if (powerState === 'running') return;
        if (powerState !== 'paused' && powerState !== 'nostate') {
          throw fail('domain_lost', `the domain of instance ${uuid} is ${powerState} before it ran`, {
            disposition: 'reschedule',
            details: { powerState },
          });
        }
        await this.#domains.changeOf(uuid, signal);
      }
    });
  }

  // Power.

  start(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('start', signal, () => this.#bringUp(uuid));
  }

  /** The latency of the step is how long the guest takes to power off; beyond `graceMs` the plug is pulled. */
  stop(uuid: string, graceMs: number, signal: AbortSignal): Promise<void> {
    return this.#do('stop', signal, () => this.#switchOff(uuid), graceMs);
  }

  /** A soft one changes no power state, as on libvirt. */
  reboot(uuid: string, how: 'soft' | 'hard', signal: AbortSignal): Promise<void> {
    return this.#do('reboot', signal, () => {
      const { powerState, memoryMb } = this.#present(uuid);
      if (how === 'soft' && powerState === 'running') return this.#boot(uuid, 0, () => undefined);
      this.#switchOff(uuid);
      this.#boot(uuid, memoryMb, () => this.#domains.change(uuid, 'running'));
    });
  }

  pause(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('pause', signal, () => {
      this.#active(uuid);
      this.#domains.change(uuid, 'paused');
    });
  }

  unpause(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('unpause', signal, () => {
      this.#active(uuid);
      this.#domains.change(uuid, 'running');
    });
  }

  suspend(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('suspend', signal, () => {
      if (this.#present(uuid).powerState === 'suspended') return;
      this.#active(uuid);
      this.#domains.change(uuid, 'suspended');
    });
  }

  resume(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('resume', signal, () => this.#bringUp(uuid));
  }

  // Changing a guest that is off.

  defineDomain({ uuid, domainName, flavor }: GuestSpec, signal: AbortSignal): Promise<void> {
    return this.#do('defineDomain', signal, () => this.#domains.define(uuid, domainName, flavor.memoryMb));
  }

  resizeDisks(uuid: string, _: number, signal: AbortSignal): Promise<void> {
    return this.#do('resizeDisks', signal, () => this.#disks.resize(uuid));
  }

  restoreDisks(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('restoreDisks', signal, () => this.#disks.restore(uuid));
  }

  forgetEarlierDisks(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('forgetEarlierDisks', signal, () => this.#disks.forgetEarlier(uuid));
  }

  // Undoing.

  destroyDomain(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('destroyDomain', signal, () => {
      const domain = this.#domains.get(uuid);
      if (!domain) return;
      if (isActive(domain)) this.#domains.change(uuid, 'shutdown');
      this.#domains.remove(uuid);
    });
  }

  removeFilter(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('removeFilter', signal, () => {
      this.#filters.delete(uuid);
    });
  }

  removeDisks(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('removeDisks', signal, () => this.#disks.remove(uuid));
  }

  // Looking. Does not wait for a link that is lost.

  powerState(uuid: string): Promise<ReportedPowerState> {
    return this.#look('powerState', () => this.#domains.report(uuid).powerState);
  }

  listGuests(): Promise<GuestReport[]> {
    return this.#look('listGuests', () => {
      const uuids = new Set([...this.#domains.uuids(), ...this.#filters.keys()]);
      return [...uuids].map((uuid) => this.#domains.report(uuid));
    });
  }

  listDisks(): Promise<string[]> {
    return this.#look('listDisks', () => this.#disks.list());
  }

  bootId(): Promise<string> {
    return this.#look('bootId', () => {
      const known = this.#machine.get('boot') ?? this.#chance.uuid();
      if (!this.#machine.has('boot')) this.#machine.set('boot', known);
      return known;
    });
  }

  consoleLog(uuid: string, maxBytes: number): Promise<string> {
    return this.#look('consoleLog', () => {
      const disk = this.#disks.get(uuid);
      return disk ? tailOf(bootLog(disk.guest, disk.boots), maxBytes) : '';
    });
  }

  async #do(step: StepName, signal: AbortSignal, work: () => Promise<void> | void, atMostMs?: number): Promise<void> {
    const overTheLink = async () => {
      if (!this.#link.isOpen) await this.#link.pass(signal);
      await work();
    };
    try {
      await this.#script.play(step, signal, overTheLink, atMostMs);
    } catch (thrown) {
      throw signal.aborted ? cancelled(signal) : thrown;
    }
  }

  #look<T>(step: StepName, work: () => T): Promise<T> {
    return this.#script.play(step, undefined, () => {
      if (!this.#link.isOpen) throw notConnected();
      return work();
    });
  }

  #switchOff(uuid: string): void {
    if (isActive(this.#present(uuid))) this.#domains.change(uuid, 'shutdown');
  }

  /** Unpauses what is paused, and resumes what was suspended, which is no boot. */
  #bringUp(uuid: string): void {
    const domain = this.#present(uuid);
    if (domain.powerState === 'paused' || domain.powerState === 'suspended') this.#domains.change(uuid, 'running');
    else if (!isActive(domain)) this.#boot(uuid, domain.memoryMb, () => this.#domains.change(uuid, 'running'));
  }

  /** As QEMU: neither without a disk, nor without memory. */
  #boot(uuid: string, memoryMb: number, run: () => void): void {
    if (!this.#disks.get(uuid)) {
      throw fail('hypervisor_error', `instance ${uuid} has no disk`, { disposition: 'reschedule' });
    }
    if (this.#memoryMb < Infinity && this.#domains.usedMemoryMb() + memoryMb > this.#memoryMb) {
      throw fail('hypervisor_error', 'cannot set up guest memory: cannot allocate memory', {
        disposition: 'reschedule',
      });
    }
    this.#disks.countBoot(uuid);
    run();
  }

  #present(uuid: string): Domain {
    const domain = this.#domains.get(uuid);
    if (!domain) throw fail('domain_lost', `instance ${uuid} has no domain on this host`);
    return domain;
  }

  #active(uuid: string): void {
    if (!isActive(this.#present(uuid))) throw fail('conflict', `instance ${uuid} does not run`);
  }

  #emit(event: HypervisorEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function addressesOf({ fixedIps }: GuestPort): string[] {
  return fixedIps.map(({ address, prefixLength }) => `${address}/${prefixLength}`);
}

function notConnected() {
  return fail('hypervisor_unavailable', 'the simulated hypervisor is not connected', { disposition: 'retry' });
}
