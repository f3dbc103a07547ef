/**
 * The Hypervisor that is real: QEMU or KVM guests through the libvirt daemon of this host. Made of three parts that know
 * nothing of each other: the libvirt client, the guests' disks, and the firewall.
 *
 * Domains are persistent, and named and keyed by the instance: after a restart of this process, of the daemon, or of both,
 * what runs is found again by uuid.
 */
import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type { ReportedPowerState } from '../../machines/instance.ts';
import type { ConsoleKind } from '../../transport/messages/console.ts';
import type { Firewall } from '../firewall/firewall.ts';
import type {
  GuestReport,
  GuestSpec,
  Hypervisor,
  HypervisorEvent,
  HypervisorFacts,
  PluggedGuest,
} from '../hypervisor/hypervisor.ts';
import { tapName } from '../hypervisor/tap-name.ts';
import type { GuestDisks } from '../images/guest-disks.ts';
import { forgetBrokenStarts } from './broken-starts.ts';
import { resolveConnection } from './connection-uri.ts';
import { readConsoleLog } from './console-log.ts';
import { domainXml, isMadeBy, markNamespace } from './domain-xml.ts';
import { toLibvirtFailure } from './error-codes.ts';
import { createGuest, defineGuest, waitForGuest } from './guest-boot.ts';
import { openDisplay, openSerialConsole } from './guest-console.ts';
import {
  hardRebootGuest,
  pauseGuest,
  removeGuest,
  softRebootGuest,
  startGuest,
  stopGuest,
  suspendGuest,
  unpauseGuest,
} from './guest-power.ts';
import { enableHairpin } from './hairpin.ts';
import { type DomainLook, LibvirtClient, type LibvirtClientOptions } from './libvirt-client.ts';
import { reasonOfState } from './power-reasons.ts';
import { PowerWatch } from './power-watch.ts';

export interface LibvirtHypervisorOptions {
  /** The compute host whose guests these are. */
  host: string;
  /** Such as `qemu:///system`. */
  uri: string;
  disks: GuestDisks;
  firewall: Firewall;
  /** What guests run under; see virt-type.ts. Of no meaning to libvirt's test driver. */
  virtType: 'kvm' | 'qemu';
  /** Where libvirt's taps are, when not here; a name that `ip netns` knows. */
  networkNamespace?: string;
  /** Where libvirt's own files are, when its root folder is not ours. */
  rootFolder?: string;
  logger?: Logger;
  /** For tests: other times of keepalive and of reconnecting. */
  client?: Omit<LibvirtClientOptions, 'uri'>;
}

export class LibvirtHypervisor implements Hypervisor {
  /** For what attaches and detaches devices; see guest-devices.ts. */
  readonly client: LibvirtClient;
  readonly #host: string;
  readonly #uri: string;
  readonly #disks: GuestDisks;
  readonly #firewall: Firewall;
  readonly #virtType: 'kvm' | 'qemu';
  readonly #networkNamespace: string | undefined;
  readonly #rootFolder: string;
  readonly #logger: Logger | undefined;
  readonly #watch: PowerWatch;
  readonly #listeners = new Set<(event: HypervisorEvent) => void>();
  #hasSynced = false;

  /** Throws `invalid_request` or `unsupported` when the URI is none of ours. */
  constructor(options: LibvirtHypervisorOptions) {
    this.client = new LibvirtClient({ ...options.client, uri: options.uri });
    this.#host = options.host;
    this.#uri = options.uri;
    this.#disks = options.disks;
    this.#firewall = options.firewall;
    this.#virtType = options.virtType;
    this.#networkNamespace = options.networkNamespace;
    this.#rootFolder = options.rootFolder ?? '/';
    this.#logger = options.logger;
    this.#watch = new PowerWatch(this.client, (report) => this.#emit({ type: 'power', ...report }));
    this.client.onEvent((event) => {
      if (event.type === 'connected') this.#resync();
      else if (event.type === 'lost') this.#reportLost(event.reason);
      else if (event.type === 'lifecycle') void this.#watch.notice(event.uuid, event);
    });
  }

  async connect(): Promise<HypervisorFacts> {
    try {
      await this.client.connect();
      const [version, capabilities] = await Promise.all([this.client.hypervisorVersion(), this.client.capabilities()]);
      const isSimulated = this.client.driver === 'test';
      return {
        type: isSimulated ? 'simulated' : 'QEMU',
        version,
        virtType: isSimulated ? 'simulated' : this.#virtType,
        architectures: architecturesOf(capabilities),
      };
    } catch (error) {
      throw toLibvirtFailure(error);
    }
  }

  async close(): Promise<void> {
    this.client.close();
  }

  get isConnected(): boolean {
    return this.client.isConnected;
  }

  onEvent(listener: (event: HypervisorEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async prepareFilter(guest: PluggedGuest, signal: AbortSignal): Promise<void> {
    await this.#firewall.setupBasicFiltering(signal);
    await this.#firewall.prepareInstanceFilter(guest, signal);
  }

  async createDisks(guest: GuestSpec, signal: AbortSignal): Promise<void> {
    await this.#disks.create(guest, signal);
  }

  async adoptDisks(guest: GuestSpec, signal: AbortSignal): Promise<void> {
    await this.#disks.adopt(guest, signal);
  }

  createDomain(guest: GuestSpec, signal: AbortSignal): Promise<void> {
    return createGuest(this.client, guest.uuid, () => this.#xmlOf(guest), signal);
  }

  async enableHairpin(guest: PluggedGuest, signal: AbortSignal): Promise<void> {
    for (const port of guest.ports) {
      const tap = tapName(port.id);
      const isInBridge = await enableHairpin(tap, signal, this.#networkNamespace);
      if (!isInBridge) this.#logger?.debug({ uuid: guest.uuid, tap }, 'the tap is in no Linux bridge');
    }
  }

  async applyFilter(guest: PluggedGuest, signal: AbortSignal): Promise<void> {
    await this.#firewall.applyInstanceFilter(guest, signal);
  }

  waitForBoot(uuid: string, signal: AbortSignal): Promise<void> {
    return waitForGuest(this.client, uuid, signal);
  }

  start(uuid: string, signal: AbortSignal): Promise<void> {
    return startGuest(this.client, uuid, signal);
  }

  stop(uuid: string, graceMs: number, signal: AbortSignal): Promise<void> {
    return stopGuest(this.client, uuid, graceMs, signal);
  }

  reboot(uuid: string, how: 'soft' | 'hard', signal: AbortSignal): Promise<void> {
    const reboot = how === 'soft' ? softRebootGuest : hardRebootGuest;
    return reboot(this.client, uuid, signal);
  }

  pause(uuid: string, signal: AbortSignal): Promise<void> {
    return pauseGuest(this.client, uuid, signal);
  }

  unpause(uuid: string, signal: AbortSignal): Promise<void> {
    return unpauseGuest(this.client, uuid, signal);
  }

  suspend(uuid: string, signal: AbortSignal): Promise<void> {
    return suspendGuest(this.client, uuid, signal);
  }

  resume(uuid: string, signal: AbortSignal): Promise<void> {
    return startGuest(this.client, uuid, signal);
  }

  defineDomain(guest: GuestSpec, signal: AbortSignal): Promise<void> {
    return defineGuest(this.client, guest.uuid, this.#xmlOf(guest), signal);
  }

  async resizeDisks(uuid: string, rootGb: number, signal: AbortSignal): Promise<void> {
    await this.#disks.resize(uuid, rootGb, signal);
  }

  async restoreDisks(guest: Pick<GuestSpec, 'uuid' | 'image'>, signal: AbortSignal): Promise<void> {
    await this.#disks.restore(guest, signal);
  }

  async forgetEarlierDisks(uuid: string, signal: AbortSignal): Promise<void> {
    await this.#disks.forgetEarlier(uuid, signal);
  }

  destroyDomain(uuid: string, signal: AbortSignal): Promise<void> {
    return removeGuest(this.client, uuid, signal);
  }

  async removeFilter(uuid: string, signal: AbortSignal): Promise<void> {
    await this.#firewall.removeInstanceFilter(uuid, signal);
  }

  async removeDisks(uuid: string, signal: AbortSignal): Promise<void> {
    await this.#disks.remove(uuid, signal);
  }

  async powerState(uuid: string): Promise<ReportedPowerState> {
    try {
      return (await this.client.look(uuid))?.powerState ?? 'absent';
    } catch (error) {
      throw toLibvirtFailure(error);
    }
  }

  async listGuests(signal: AbortSignal, among?: ReadonlySet<string>): Promise<GuestReport[]> {
    try {
      const [looks, filters] = await Promise.all([
        among ? this.#looksAt(among, signal) : this.client.domains(),
        this.#firewall.listInstanceFilters(signal),
      ]);
      const domains = await Promise.all(looks.map(async (look) => ({ look, isOurs: await this.#isOurs(look) })));
      const present = new Set(looks.map(({ ref }) => ref.uuid));
      const leftovers = filters.filter((uuid) => !present.has(uuid) && (among?.has(uuid) ?? true));
      return [
        ...domains.flatMap(({ look, isOurs }) => (isOurs ? [reportOf(look)] : [])),
        ...leftovers.map((uuid) => ({ uuid, powerState: 'absent' as const })),
      ];
    } catch (error) {
      throw toLibvirtFailure(error);
    }
  }

  listDisks(): Promise<string[]> {
    return this.#disks.list();
  }

  async bootId(): Promise<string> {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  }

  async consoleLog(uuid: string, maxBytes: number): Promise<string> {
    try {
      return await readConsoleLog(this.#disks.consoleLog(uuid), maxBytes);
    } catch (error) {
      throw toLibvirtFailure(error);
    }
  }

  async openConsole(uuid: string, kind: ConsoleKind): Promise<Duplex> {
    try {
      if (kind === 'serial') return await openSerialConsole(this.client, uuid);
      return await openDisplay(this.client, uuid, this.#rootFolder);
    } catch (error) {
      throw toLibvirtFailure(error);
    }
  }

  #xmlOf(guest: GuestSpec): string {
    const type = this.client.driver === 'test' ? 'test' : this.#virtType;
    return domainXml(guest, this.#disks.files(guest), { type, host: this.#host });
  }

  async #looksAt(uuids: ReadonlySet<string>, signal: AbortSignal): Promise<DomainLook[]> {
    const looks = await Promise.all([...uuids].map((uuid) => this.client.look(uuid, signal)));
    return looks.filter((look) => look !== undefined);
  }

  async #isOurs({ ref }: DomainLook): Promise<boolean> {
    const mark = await this.client.metadata(ref, markNamespace);
    return mark !== undefined && isMadeBy(this.#host, mark);
  }

  #resync(): void {
    this.#logger?.info('libvirt is connected');
    this.#emit({ type: 'connected' });
    const isFirst = !this.#hasSynced;
    this.#hasSynced = true;
    this.#watch.resync(isFirst).catch((error: unknown) => {
      // The link dropped again, and is resynced when it is back; anything else is worth a line.
      this.#logger?.warn({ failure: toLibvirtFailure(error).failure }, 'the domains could not be listed');
    });
  }

  #reportLost(reason: string): void {
    this.#logger?.warn({ reason }, 'libvirt is lost');
    this.#emit({ type: 'lost', reason });
    void this.#forgetBrokenStarts();
  }

  async #forgetBrokenStarts(): Promise<void> {
    try {
      const domains = await forgetBrokenStarts(resolveConnection(this.#uri).socketPath);
      if (domains.length > 0) this.#logger?.warn({ domains }, 'libvirt died as it started these');
    } catch (error) {
      this.#logger?.warn({ error }, 'what libvirt did not live to start could not be looked for');
    }
  }

  #emit(event: HypervisorEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function reportOf(look: DomainLook): GuestReport {
  const reason = reasonOfState(look);
  return { uuid: look.ref.uuid, powerState: look.powerState, ...(reason !== undefined && { reason }) };
}

/** Read with a pattern: the one thing wanted of a document that is libvirt's own. */
function architecturesOf(capabilities: string): string[] {
  const names = capabilities.matchAll(/<arch name='([^']+)'/g);
  return [...new Set(Array.from(names, ([, name]) => name).filter((name) => name !== undefined))];
}
