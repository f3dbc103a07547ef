/**
 * What a compute host asks of its libvirt daemon, one method for each function of libvirt's API, chosen by connection
 * URI. Stays connected by itself.
 *
 * Methods reject with LibvirtError, LinkLost or CallTimeout (transport/libvirt/rpc-errors.ts), or with the reason of
 * their signal; `toLibvirtFailure` makes a Failure of each. Nothing is repeated here.
 */
import { finished } from 'node:stream';
import type { PowerState } from '../../machines/instance.ts';
import {
  consoleFlags,
  controlStates,
  createFlags,
  deviceFlags,
  listFlags,
  metadataTypes,
  undefineFlags,
  xmlFlags,
} from '../../transport/libvirt/constants.ts';
import { type DomainRef, type NodeInfo, procedures } from '../../transport/libvirt/procedures.ts';
import type { RpcStream } from '../../transport/libvirt/rpc-stream.ts';
import { resolveConnection } from './connection-uri.ts';
import { isNoDomain, isNoMetadata, isNotSupported, isOperationInvalid } from './error-codes.ts';
import { LibvirtLink, type LinkEvent, type LinkOptions } from './libvirt-link.ts';
import { isActive, powerStateOf, type RawState } from './power-state.ts';

export type LibvirtEvent = LinkEvent;
export type LibvirtClientOptions = LinkOptions;

/** A domain as it was when one looked. */
export interface DomainLook extends RawState {
  ref: DomainRef;
  hasManagedSave: boolean;
  powerState: PowerState;
}

export class LibvirtClient {
  /** The scheme of the URI: `qemu`, or `test` for libvirt's test driver. */
  readonly driver: string;
  readonly #link: LibvirtLink;
  readonly #listeners = new Set<(event: LibvirtEvent) => void>();

  /** Throws `invalid_request` or `unsupported` when the URI is none of ours. */
  constructor(options: LibvirtClientOptions) {
    this.driver = resolveConnection(options.uri).driver;
    this.#link = new LibvirtLink(options, (event) => {
      for (const listener of this.#listeners) listener(event);
    });
  }

  get isConnected(): boolean {
    return this.#link.isConnected;
  }

  /** Rejects when the first attempt fails. */
  connect(): Promise<void> {
    return this.#link.open();
  }

  close(): void {
    this.#link.close();
  }

  whenConnected(signal: AbortSignal): Promise<void> {
    return this.#link.whenConnected(signal);
  }

  /** Returns the function that takes the listener away again. */
  onEvent(listener: (event: LibvirtEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // The host.

  /** As in QEMU 7.2.0: 7002000. */
  async hypervisorVersion(): Promise<number> {
    return Number((await this.#link.call('short', procedures.version, undefined)).version);
  }

  async libraryVersion(): Promise<number> {
    return Number((await this.#link.call('short', procedures.libraryVersion, undefined)).version);
  }

  async hostname(): Promise<string> {
    return (await this.#link.call('short', procedures.hostname, undefined)).hostname;
  }

  /** Its memory is that of the first NUMA node where memory was added later: no measure of capacity. */
  nodeInfo(): Promise<NodeInfo> {
    return this.#link.call('short', procedures.nodeInfo, undefined);
  }

  /** XML. */
  async capabilities(): Promise<string> {
    return (await this.#link.call('short', procedures.capabilities, undefined)).capabilities;
  }

  // Looking at domains.

  async domains(): Promise<DomainLook[]> {
    const [refs, saved] = await Promise.all([this.#list(listFlags.all), this.#list(listFlags.managedSave)]);
    const savedUuids = new Set(saved.map((ref) => ref.uuid));
    const looks = await Promise.all(refs.map((ref) => this.#lookAt(ref, savedUuids.has(ref.uuid))));
    return looks.filter((look) => look !== undefined);
  }

  /** `undefined` when there is no such domain. */
  async look(uuid: string, signal?: AbortSignal): Promise<DomainLook | undefined> {
    const ref = await this.domainByUuid(uuid, signal);
    return ref && this.#lookAt(ref, undefined, signal);
  }

  domainByUuid(uuid: string, signal?: AbortSignal): Promise<DomainRef | undefined> {
    const found = this.#link.call('short', procedures.domainByUuid, { uuid }, options(signal));
    return unlessGone(found.then(({ domain }) => domain));
  }

  domainByName(name: string): Promise<DomainRef | undefined> {
    const found = this.#link.call('short', procedures.domainByName, { name });
    return unlessGone(found.then(({ domain }) => domain));
  }

  /** Whether the daemon is at work on the domain, or waits for its emulator; `undefined`: there is no such domain. */
  async isAtWorkOn(uuid: string, signal?: AbortSignal): Promise<boolean | undefined> {
    const domain = await this.domainByUuid(uuid, signal);
    if (!domain) return undefined;
    try {
      const call = this.#link.call('short', procedures.domainControl, { domain, flags: 0 }, options(signal));
      const { state } = await call;
      return state === controlStates.job || state === controlStates.occupied;
    } catch (error) {
      if (isNoDomain(error)) return undefined;
      // One that is off, or a driver that does not know the question.
      if (isOperationInvalid(error) || isNotSupported(error)) return false;
      throw error;
    }
  }

  /** What is kept with the domain under the namespace; `undefined` when nothing is, or the domain is gone. */
  async metadata(domain: DomainRef, uri: string): Promise<string | undefined> {
    const call = { domain, type: metadataTypes.element, uri, flags: 0 };
    try {
      return (await this.#link.call('short', procedures.domainMetadata, call)).metadata;
    } catch (error) {
      if (isNoDomain(error) || isNoMetadata(error)) return undefined;
      throw error;
    }
  }

  /** Of the running guest while it runs; of its next start when that is asked for, or when it does not run. */
  async domainXml(domain: DomainRef, isOfNextStart = false): Promise<string> {
    const flags = isOfNextStart ? xmlFlags.inactive : 0;
    return (await this.#link.call('short', procedures.domainXml, { domain, flags })).xml;
  }

  // Changing domains.

  /** Also replaces the definition of the domain that has its uuid and its name. */
  async define(xml: string, signal?: AbortSignal): Promise<DomainRef> {
    return (await this.#link.call('long', procedures.defineDomain, { xml }, options(signal))).domain;
  }

  /** Starts it, from its managed save when it has one, unless `forceBoot` throws that away. */
  async start(
    domain: DomainRef,
    how: { isPaused?: boolean; forceBoot?: boolean } = {},
    signal?: AbortSignal,
  ): Promise<void> {
    const flags = (how.isPaused ? createFlags.paused : 0) | (how.forceBoot ? createFlags.forceBoot : 0);
    await this.#link.call('long', procedures.createDomain, { domain, flags }, options(signal));
  }

  /** Asks the guest; returns before it is off. */
  shutdown(domain: DomainRef, signal?: AbortSignal): Promise<void> {
    return this.#link.call('long', procedures.shutdownDomain, { domain }, options(signal));
  }

  /** Asks the guest; returns before it restarts. */
  reboot(domain: DomainRef, signal?: AbortSignal): Promise<void> {
    return this.#link.call('long', procedures.rebootDomain, { domain, flags: 0 }, options(signal));
  }

  pause(domain: DomainRef, signal?: AbortSignal): Promise<void> {
    return this.#link.call('long', procedures.suspendDomain, { domain }, options(signal));
  }

  unpause(domain: DomainRef, signal?: AbortSignal): Promise<void> {
    return this.#link.call('long', procedures.resumeDomain, { domain }, options(signal));
  }

  /** To disk; the domain is off afterwards. */
  managedSave(domain: DomainRef, signal?: AbortSignal): Promise<void> {
    return this.#link.call('long', procedures.managedSave, { domain, flags: 0 }, options(signal));
  }

  /** Pulls the plug. */
  destroy(domain: DomainRef, signal?: AbortSignal): Promise<void> {
    return this.#link.call('long', procedures.destroyDomain, { domain, flags: 0 }, options(signal));
  }

  /** With all that libvirt keeps of it. */
  undefine(domain: DomainRef, signal?: AbortSignal): Promise<void> {
    const { managedSave, snapshotsMetadata, nvram } = undefineFlags;
    // The test driver refuses flags it has no use for.
    const flags = managedSave | snapshotsMetadata | (this.driver === 'test' ? 0 : nvram);
    return this.#link.call('long', procedures.undefineDomain, { domain, flags }, options(signal));
  }

  attachDevice(domain: DomainRef, xml: string, where: DeviceScope, signal?: AbortSignal): Promise<void> {
    const flags = scopeFlags(where);
    return this.#link.call('long', procedures.attachDevice, { domain, xml, flags }, options(signal));
  }

  /** Of a running guest: asks it to let go, and returns before or after it has. */
  detachDevice(domain: DomainRef, xml: string, where: DeviceScope, signal?: AbortSignal): Promise<void> {
    const flags = scopeFlags(where);
    return this.#link.call('long', procedures.detachDevice, { domain, xml, flags }, options(signal));
  }

  /**
   * The guest's serial console, taken from whoever has it. Over a connection of its own, which ends with it: a reader that
   * is slow holds up nobody but the guest.
   */
  async openConsole(domain: DomainRef): Promise<RpcStream> {
    const connection = await this.#link.openAnother();
    try {
      const console = { domain, device: undefined, flags: consoleFlags.force };
      const stream = await connection.openStream(procedures.openConsole, console);
      // It may be over already.
      finished(stream, () => connection.close());
      return stream;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  async #list(flags: number): Promise<DomainRef[]> {
    return (await this.#link.call('short', procedures.listDomains, { needResults: 1, flags })).domains;
  }

  async #lookAt(ref: DomainRef, isSaved?: boolean, signal?: AbortSignal): Promise<DomainLook | undefined> {
    const call = { domain: ref, flags: 0 };
    const raw = await unlessGone(this.#link.call('short', procedures.domainState, call, options(signal)));
    if (raw === undefined) return undefined;
    const hasManagedSave = !isActive(raw) && (isSaved ?? (await this.#hasManagedSave(ref, signal)));
    return { ref, ...raw, hasManagedSave, powerState: powerStateOf(raw, hasManagedSave) };
  }

  async #hasManagedSave(domain: DomainRef, signal?: AbortSignal): Promise<boolean> {
    const call = { domain, flags: 0 };
    const answer = await unlessGone(this.#link.call('short', procedures.hasManagedSave, call, options(signal)));
    return answer?.result === 1;
  }
}

/** Which of a domain's two definitions a device is changed in. */
export interface DeviceScope {
  /** The running guest. */
  live: boolean;
  /** Its next start. */
  config: boolean;
}

function scopeFlags({ live, config }: DeviceScope): number {
  return (live ? deviceFlags.live : 0) | (config ? deviceFlags.config : 0);
}

function options(signal: AbortSignal | undefined) {
  return signal === undefined ? {} : { signal };
}

async function unlessGone<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (isNoDomain(error)) return undefined;
    throw error;
  }
}
