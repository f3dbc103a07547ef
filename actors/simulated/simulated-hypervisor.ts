/**
 * The Hypervisor that is not real: guests that are a few facts in memory, for tests, demonstrations and scale. It keeps
 * the rules of the libvirt actor (effects look before they act, power events, conflicts, a link that drops under a step),
 * and does what libvirt does only on bad days when it is told to: see StepScript.
 *
 * What its machine holds outlives `close`, as guests outlive the process that made them: connect again to find them. With
 * a journal it outlives the process too.
 */
import type { Duplex } from 'node:stream';
import { type Failure, fail } from '../../machines/failure.ts';
import type { ReportedPowerState } from '../../machines/instance.ts';
import type { Clock } from '../../transport/clock.ts';
import type { ConsoleKind } from '../../transport/messages/console.ts';
import type {
  GuestReport,
  GuestSpec,
  Hypervisor,
  HypervisorEvent,
  HypervisorFacts,
  PluggedGuest,
} from '../hypervisor/hypervisor.ts';
import { cancelled } from '../process/cancelled.ts';
import { Gate } from './gate.ts';
import type { Disk } from './simulated-disks.ts';
import type { Domain } from './simulated-domains.ts';
import { type Leftovers, SimulatedMachine, type SimulatedMachineOptions } from './simulated-machine.ts';
import { type Latency, type StepFault, type StepName, StepScript, type StepScriptOptions } from './step-script.ts';

export interface SimulatedHypervisorOptions extends StepScriptOptions, SimulatedMachineOptions {
  /** `x86_64` unless given. */
  architectures?: string[];
}

export class SimulatedHypervisor implements Hypervisor {
  readonly #script: StepScript;
  readonly #machine: SimulatedMachine;
  readonly #architectures: string[];
  readonly #clock: Clock;
  /** That are open over the link. */
  readonly #consoles = new Set<Duplex>();
  readonly #listeners = new Set<(event: HypervisorEvent) => void>();
  readonly #link = new Gate();

  constructor({ architectures = ['x86_64'], ...options }: SimulatedHypervisorOptions) {
    this.#script = new StepScript(options);
    this.#machine = new SimulatedMachine(options, (report) => this.#emit({ type: 'power', ...report }));
    this.#architectures = architectures;
    this.#clock = options.clock;
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
    this.#machine.switchOff(uuid, 'crashed', 'the guest crashed');
  }

  /** From inside, by its user. */
  shutDownGuest(uuid: string): void {
    this.#machine.switchOff(uuid, 'shutdown', 'the guest shut itself down');
  }

  /** Its domain is gone behind our back; disks and filter stay. */
  loseGuest(uuid: string): void {
    this.#machine.domains.remove(uuid, 'its domain was removed on its host');
  }

  /** The machine goes down and up again: every guest is off, and its filter gone. The process on it is not its matter. */
  rebootMachine(): void {
    this.#machine.reboot();
  }

  /** Guests go on; steps wait until the link is back. */
  loseConnection(reason = 'the simulated link was cut'): void {
    if (!this.#link.isOpen) return;
    this.#link.shut();
    this.#breakConsoles();
    this.#machine.domains.hide();
    this.#emit({ type: 'lost', reason });
  }

  restoreConnection(): void {
    if (this.#link.isOpen) return;
    this.#link.open();
    this.#emit({ type: 'connected' });
    this.#machine.domains.show({ isFirst: false });
  }

  /** The uuids of which something is held. */
  leftovers(): Leftovers {
    return this.#machine.leftovers();
  }

  /** What the guest does, whether anybody is connected or not. */
  peek(uuid: string): ReportedPowerState {
    return this.#machine.domains.report(uuid).powerState;
  }

  /** What stands around the guest, and on its disk. */
  inspect(uuid: string): {
    filter: 'prepared' | 'applied' | undefined;
    domain: Domain | undefined;
    disk: Disk | undefined;
  } {
    const { domains, disks } = this.#machine;
    return { filter: this.#machine.filterOf(uuid), domain: domains.get(uuid), disk: disks.get(uuid) };
  }

  // The connection.

  async connect(): Promise<HypervisorFacts> {
    await this.#script.play('connect', undefined, () => {
      if (this.#link.isOpen) return;
      this.#link.open();
      this.#emit({ type: 'connected' });
      this.#machine.domains.show({ isFirst: true });
    });
    return { type: 'simulated', version: 1_000_000, virtType: 'simulated', architectures: this.#architectures };
  }

  async close(): Promise<void> {
    this.#link.refuse(notConnected());
    this.#breakConsoles();
    this.#machine.domains.hide();
  }

  get isConnected(): boolean {
    return this.#link.isOpen;
  }

  onEvent(listener: (event: HypervisorEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // Spawning.

  prepareFilter({ uuid }: PluggedGuest, signal: AbortSignal): Promise<void> {
    return this.#do('prepareFilter', signal, () => this.#machine.prepareFilter(uuid));
  }

  createDisks(guest: GuestSpec, signal: AbortSignal): Promise<void> {
    return this.#do('createDisks', signal, () => this.#machine.createDisks(guest));
  }

  adoptDisks({ uuid }: GuestSpec, signal: AbortSignal): Promise<void> {
    return this.#do('adoptDisks', signal, () => this.#machine.disks.adopt(uuid));
  }

  createDomain(guest: GuestSpec, signal: AbortSignal): Promise<void> {
    return this.#do('createDomain', signal, () => this.#machine.createDomain(guest));
  }

  /** There is no bridge. */
  enableHairpin(_: PluggedGuest, signal: AbortSignal): Promise<void> {
    return this.#do('enableHairpin', signal, () => undefined);
  }

  applyFilter({ uuid }: PluggedGuest, signal: AbortSignal): Promise<void> {
    return this.#do('applyFilter', signal, () => this.#machine.applyFilter(uuid));
  }

  waitForBoot(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('waitForBoot', signal, () => this.#machine.running(uuid, signal));
  }

  // Power.

  start(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('start', signal, () => this.#machine.bringUp(uuid));
  }

  /** The latency of the step is how long the guest takes to power off; beyond `graceMs` the plug is pulled. */
  stop(uuid: string, graceMs: number, signal: AbortSignal): Promise<void> {
    return this.#do('stop', signal, () => this.#machine.switchOff(uuid), graceMs);
  }

  reboot(uuid: string, how: 'soft' | 'hard', signal: AbortSignal): Promise<void> {
    return this.#do('reboot', signal, () => this.#machine.rebootGuest(uuid, how));
  }

  pause(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('pause', signal, () => this.#machine.change(uuid, 'paused'));
  }

  unpause(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('unpause', signal, () => this.#machine.change(uuid, 'running'));
  }

  suspend(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('suspend', signal, () => this.#machine.change(uuid, 'suspended'));
  }

  resume(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('resume', signal, () => this.#machine.bringUp(uuid));
  }

  // Changing a guest that is off.

  defineDomain({ uuid, domainName, flavor }: GuestSpec, signal: AbortSignal): Promise<void> {
    return this.#do('defineDomain', signal, () => this.#machine.domains.define(uuid, domainName, flavor.memoryMb));
  }

  resizeDisks(uuid: string, _: number, signal: AbortSignal): Promise<void> {
    return this.#do('resizeDisks', signal, () => this.#machine.disks.resize(uuid));
  }

  restoreDisks({ uuid }: Pick<GuestSpec, 'uuid'>, signal: AbortSignal): Promise<void> {
    return this.#do('restoreDisks', signal, () => this.#machine.disks.restore(uuid));
  }

  forgetEarlierDisks(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('forgetEarlierDisks', signal, () => this.#machine.disks.forgetEarlier(uuid));
  }

  // Undoing.

  destroyDomain(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('destroyDomain', signal, () => this.#machine.destroyDomain(uuid));
  }

  removeFilter(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('removeFilter', signal, () => this.#machine.removeFilter(uuid));
  }

  removeDisks(uuid: string, signal: AbortSignal): Promise<void> {
    return this.#do('removeDisks', signal, () => this.#machine.disks.remove(uuid));
  }

  // Looking. Does not wait for a link that is lost.

  powerState(uuid: string): Promise<ReportedPowerState> {
    return this.#look('powerState', () => this.#machine.domains.report(uuid).powerState);
  }

  listGuests(_signal?: AbortSignal, among?: ReadonlySet<string>): Promise<GuestReport[]> {
    return this.#look('listGuests', () => this.#machine.guests().filter(({ uuid }) => among?.has(uuid) ?? true));
  }

  listDisks(): Promise<string[]> {
    return this.#look('listDisks', () => this.#machine.disks.list());
  }

  bootId(): Promise<string> {
    return this.#look('bootId', () => this.#machine.bootId());
  }

  consoleLog(uuid: string, maxBytes: number): Promise<string> {
    return this.#look('consoleLog', () => this.#machine.consoleLog(uuid, maxBytes));
  }

  openConsole(uuid: string, kind: ConsoleKind): Promise<Duplex> {
    return this.#look('openConsole', () => {
      if (kind !== 'serial') throw fail('unsupported', 'a simulated guest has no screen');
      const console = this.#machine.openConsole(uuid, this.#clock);
      this.#consoles.add(console);
      return console.once('close', () => this.#consoles.delete(console));
    });
  }

  #breakConsoles(): void {
    for (const console of this.#consoles) console.destroy(notConnected());
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

  #emit(event: HypervisorEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function notConnected() {
  return fail('hypervisor_unavailable', 'the simulated hypervisor is not connected', { disposition: 'retry' });
}
