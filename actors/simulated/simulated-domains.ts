/**
 * The domains of a simulated host, and who hears when their power state changes. They live on, unseen, while the link is
 * lost; when it is back, each that is not as it was is told of once, as by the libvirt actor.
 */
import type { PowerState } from '../../machines/instance.ts';
import type { GuestReport } from '../hypervisor/hypervisor.ts';

export interface Domain {
  readonly domainName: string;
  readonly memoryMb: number;
  readonly powerState: PowerState;
  /** How it came to that. */
  readonly reason?: string;
}

type Seen = PowerState | 'absent';
type Listener = (report: GuestReport) => void;

export class SimulatedDomains {
  readonly #domains: Map<string, Domain>;
  readonly #report: Listener;
  /** Woken by every change, seen or not. */
  readonly #watchers = new Set<(uuid: string) => void>();
  /** What was last told of those that changed since the link was lost; absent while there is a link. */
  #unseen: Map<string, Seen> | undefined = new Map();

  constructor(domains: Map<string, Domain>, report: Listener) {
    this.#domains = domains;
    this.#report = report;
  }

  get(uuid: string): Domain | undefined {
    return this.#domains.get(uuid);
  }

  uuids(): string[] {
    return [...this.#domains.keys()];
  }

  report(uuid: string): GuestReport {
    const { powerState = 'absent', reason } = this.#domains.get(uuid) ?? {};
    return { uuid, powerState, ...(reason !== undefined && { reason }) };
  }

  /** Of the guests that are in memory. */
  usedMemoryMb(): number {
    let used = 0;
    for (const domain of this.#domains.values()) if (isActive(domain)) used += domain.memoryMb;
    return used;
  }

  /** Defines the domain, in place of one that there may be, and starts it. */
  create(uuid: string, domainName: string, memoryMb: number): void {
    const before = this.#look(uuid);
    this.#domains.set(uuid, { domainName, memoryMb, powerState: 'running' });
    this.#changed(uuid, before);
  }

  /** Defines the domain, in place of one that there may be; one that runs goes on as it was started. */
  define(uuid: string, domainName: string, memoryMb: number): void {
    const before = this.#domains.get(uuid);
    if (before && isActive(before)) return;
    const look = this.#look(uuid);
    this.#domains.set(uuid, { domainName, memoryMb, powerState: 'shutdown' });
    this.#changed(uuid, look);
  }

  change(uuid: string, powerState: PowerState, reason?: string): void {
    const domain = this.#domains.get(uuid);
    if (!domain || domain.powerState === powerState) return;
    const { domainName, memoryMb } = domain;
    this.#domains.set(uuid, { domainName, memoryMb, powerState, ...(reason !== undefined && { reason }) });
    this.#changed(uuid, domain.powerState);
  }

  remove(uuid: string, reason?: string): void {
    const before = this.#look(uuid);
    if (this.#domains.delete(uuid)) this.#changed(uuid, before, reason);
  }

  /** Nothing is told until `show`. */
  hide(): void {
    this.#unseen ??= new Map();
  }

  /** Tells what changed unseen; the first time there is nothing to compare with. */
  show({ isFirst }: { isFirst: boolean }): void {
    const unseen = this.#unseen ?? new Map<string, Seen>();
    this.#unseen = undefined;
    if (isFirst) return;
    for (const [uuid, before] of unseen) {
      const now = this.#look(uuid);
      if (now !== before) this.#report(this.report(uuid));
    }
  }

  /** Resolves when the domain has changed; rejects with the signal's reason when it aborts first. */
  changeOf(uuid: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        this.#watchers.delete(watcher);
        signal.removeEventListener('abort', onAbort);
        settle();
      };
      const watcher = (changed: string) => {
        if (changed === uuid) end(resolve);
      };
      const onAbort = () => end(() => reject(signal.reason));
      this.#watchers.add(watcher);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #look(uuid: string): Seen {
    return this.#domains.get(uuid)?.powerState ?? 'absent';
  }

  #changed(uuid: string, before: Seen, reason?: string): void {
    const now = this.#look(uuid);
    if (now === before) return;
    for (const wake of this.#watchers) wake(uuid);
    if (!this.#unseen) this.#report({ ...this.report(uuid), ...(reason !== undefined && { reason }) });
    else if (!this.#unseen.has(uuid)) this.#unseen.set(uuid, before);
  }
}

/** It is in memory: it can be unplugged, and cannot be started. */
export function isActive({ powerState }: Pick<Domain, 'powerState'>): boolean {
  return powerState === 'running' || powerState === 'paused';
}
